"""Through which HTTP sessions does this process reach the API server?

Two, both with a token that is read anew: one for calls (transport.py), and one for watches, which
refuses everything that could write.
"""

import ssl
import time
from collections.abc import Callable

import aiohttp

from llmstack.kube.connection import Connection

_TOKEN_SECONDS = 60.0
_READS = frozenset({"GET", "HEAD"})

WatchSeen = Callable[[str], None]
"""Told when a watch begins: the path of its collection."""


class Bearer:
    """Adds the token to each request. The kubelet rotates it, so it is read once a minute."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token = ""
        self._read_at = float("-inf")

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if time.monotonic() - self._read_at > _TOKEN_SECONDS:
            self._token, self._read_at = self._connection.read_token(), time.monotonic()
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return await handler(request)


def open_session(
    connection: Connection,
    user_agent: str,
    *middlewares: aiohttp.ClientMiddlewareType,
    traces: list[aiohttp.TraceConfig] | None = None,
    limit: int = 32,
) -> aiohttp.ClientSession:
    """A pool of up to `limit` connections (0: any number)."""
    tls: ssl.SSLContext | bool = connection.ssl_context() or True
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=limit),
        headers={"User-Agent": user_agent, "Accept": "application/json"},
        middlewares=(Bearer(connection), *middlewares),
        trace_configs=traces,
    )


def open_watch_session(
    connection: Connection, user_agent: str, seen: WatchSeen
) -> aiohttp.ClientSession:
    """For a library that watches: whatever it may try, it changes nothing in the cluster."""

    async def only_reads(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.method not in _READS:
            raise RuntimeError(f"a watch may not send {request.method} {request.url.path}")
        answer = await handler(request)
        if request.url.query.get("watch") == "true" and answer.status == 200:
            seen(request.url.path)
        return answer

    return open_session(connection, user_agent, only_reads, limit=0)
