"""Is the gateway well, and what is it busy with? On a port of its own, never on the clients'.

/healthz   the process answers
/readyz    it takes requests: it knows the models, and it is not about to stop
/metrics   numbers for Prometheus
/load      who uses which slots, as JSON; with `Accept: application/x-ndjson` a line at each change.
           It asks for a bearer: in a cluster one that only the operator can derive, with a file
           that of `loadTokenFile`.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from llmstack.routing.load import STREAM

CONTENT_TYPE = "text/plain"
_COALESCE_SECONDS = 0.05
"""Changes that are closer together make one line."""
_SHARE = 0.05
"""Of the event loop's time, at most, for one follower: of thousands of replicas a line is long."""
_SILENCE_SECONDS = 2.0
"""So long at most without a line: followers take silence for the gateway's death."""


_NO_BEARER = (
    "/load requires a bearer token: in a cluster the one derived from the root Secret, with "
    "--config that of loadTokenFile"
)


class Changes:
    """Wakes all who wait for a newer state than they have seen."""

    def __init__(self) -> None:
        self.version = 0
        self._next: asyncio.Event | None = None  # while somebody waits

    def happened(self) -> None:
        """Something is not as it was."""
        self.version += 1
        if self._next is not None:
            self._next.set()
            self._next = None

    async def newer(self, seen: int, seconds: float) -> None:
        """Until there is a newer state than `seen`, or so long."""
        try:
            async with asyncio.timeout(seconds):
                while self.version == seen:
                    self._next = self._next or asyncio.Event()
                    await self._next.wait()
        except TimeoutError:
            return


@dataclass(frozen=True)
class Views:
    """What can be asked. `load_key`: the bearer for /load; "" asks for none, None refuses all."""

    metrics: Callable[[], bytes]
    load: Callable[[], bytes]
    ready: Callable[[], str]
    """"" when ready, else why not."""
    changes: Changes
    load_key: Callable[[], str | None] = str


async def serve(views: Views, host: str | None, port: int) -> web.AppRunner:
    """Answers from now on. The caller cleans the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        why = views.ready()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=views.metrics(), content_type=CONTENT_TYPE, charset="utf-8")

    async def load(request: web.Request) -> web.StreamResponse:
        if not _may(request, views.load_key()):
            return web.Response(text=_NO_BEARER, status=401)
        if STREAM in request.headers.get("Accept", ""):
            return await _stream(request, views)
        return web.Response(body=views.load(), content_type="application/json")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", numbers)
    app.router.add_get("/load", load)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def _stream(request: web.Request, views: Views) -> web.StreamResponse:
    """The newest load at once, then at each change."""
    response = web.StreamResponse(headers={"Content-Type": STREAM})
    await response.prepare(request)
    try:
        while _may(request, views.load_key()):  # Which may change.
            # The version comes before the load: what changes in between is told the next time.
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
    """How long until the next line, after one that took so long?"""
    return min(max(_COALESCE_SECONDS, took / _SHARE), _SILENCE_SECONDS / 2)


def _bytes(header: str) -> bytes:
    """As it came: aiohttp keeps what is no UTF-8 as surrogates."""
    return header.encode("utf-8", "surrogateescape")


def _may(request: web.Request, key: str | None) -> bool:
    if key is None:
        return False
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and hmac.compare_digest(_bytes(presented), key.encode())
    return known or not key
