"""Is the gateway healthy, and how loaded is it? On a port of its own, never on the clients'.

/healthz   the process answers
/readyz    it accepts requests: it knows the models and is not about to stop
/metrics   metrics for Prometheus
/load      slots in use, as JSON; with `Accept: application/x-ndjson` one line per change. Needs a
           bearer token: in a cluster one that only the operator can derive, with a file the one in
           `loadTokenFile`.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from llmstack import probe_server
from llmstack.probe_server import Probes
from llmstack.routing.load import STREAM

_COALESCE_SECONDS = 0.05
"""Seconds within which changes share one line."""
_SHARE = 0.05
"""Share of the event loop's time that one follower may take: with thousands of replicas lines are
long."""
_SILENCE_SECONDS = 2.0
"""Longest time between two lines, since followers take silence for the gateway's death."""


_NO_BEARER = (
    "/load requires a bearer token: in a cluster the one derived from the root Secret, with "
    "--config that of loadTokenFile"
)


class Changes:
    """Wakes everyone who waits for a newer state than they have seen."""

    def __init__(self) -> None:
        self.version = 0
        self._next: asyncio.Event | None = None  # while somebody waits

    def happened(self) -> None:
        """Records a change."""
        self.version += 1
        if self._next is not None:
            self._next.set()
            self._next = None

    async def newer(self, seen: int, seconds: float) -> None:
        """Waits for a newer state than `seen`, at most this many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self.version == seen:
                    self._next = self._next or asyncio.Event()
                    await self._next.wait()
        except TimeoutError:
            return


@dataclass(frozen=True)
class Views:
    """What can be asked.

    `load_key` returns the bearer token for /load; "" requires none, None refuses everybody.
    """

    metrics: Callable[[], bytes]
    load: Callable[[], bytes]
    ready: Callable[[], str]
    """"" when ready, else why not."""
    changes: Changes
    load_key: Callable[[], str | None] = str


async def serve(views: Views, host: str | None, port: int) -> web.AppRunner:
    """Starts answering. The caller must clean the runner up."""

    async def load(request: web.Request) -> web.StreamResponse:
        if not _may(request, views.load_key()):
            return web.Response(text=_NO_BEARER, status=401)
        if STREAM in request.headers.get("Accept", ""):
            return await _stream(request, views)
        return web.Response(body=views.load(), content_type="application/json")

    probes = Probes(unready=views.ready, metrics=views.metrics, pages={"/load": load})
    return await probe_server.serve(probes, host, port, shutdown_timeout=1.0)


async def _stream(request: web.Request, views: Views) -> web.StreamResponse:
    """Sends the current load at once, then at each change."""
    response = web.StreamResponse(headers={"Content-Type": STREAM})
    await response.prepare(request)
    try:
        while _may(request, views.load_key()):  # The key may change.
            # The version is read before the load, so that a change in between gets a line later.
            seen, began = views.changes.version, time.monotonic()
            line = views.load() + b"\n"
            took = time.monotonic() - began
            await response.write(line)
            await asyncio.sleep(_pause(took))
            await views.changes.newer(seen, _SILENCE_SECONDS)
    except ConnectionError:
        pass
    return response


def _pause(took: float) -> float:
    """Returns the seconds until the next line, after one that took `took` seconds to make."""
    return min(max(_COALESCE_SECONDS, took / _SHARE), _SILENCE_SECONDS / 2)


def _bytes(header: str) -> bytes:
    """Returns the header's bytes: aiohttp decodes what is not UTF-8 to surrogates."""
    return header.encode("utf-8", "surrogateescape")


def _may(request: web.Request, key: str | None) -> bool:
    if key is None:
        return False
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and hmac.compare_digest(_bytes(presented), key.encode())
    return known or not key
