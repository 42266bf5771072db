"""How is a replica asked a small question?

Over one kept connection, one request at a time: polling a hundred replicas every second must cost
almost nothing, and llama-server keeps a thread for each connection.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, cast

import httptools

from llmstack.errors import LLMStackError

_LARGEST = 8 * 1024 * 1024
"""Bytes of the largest answer."""


class Reply(NamedTuple):
    """A whole answer. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[bytes, bytes]


class NoConnection(LLMStackError):
    """The replica accepts no connection."""


class Broken(LLMStackError):
    """The connection ended, or what came was not HTTP."""


class Probe:
    """Asks one replica. `connections` counts the connections opened so far."""

    def __init__(self, host: str, port: int, connect_seconds: float) -> None:
        self._host = host
        self._port = port
        self._connect_seconds = connect_seconds
        self._name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._kept: _ProbeConnection | None = None
        self.connections = 0

    async def get(self, path: str, key: str, seconds: float) -> Reply:
        """Returns the answer. Raises NoConnection, Broken, or TimeoutError after `seconds`."""
        bearer = f"Authorization: Bearer {key}\r\n" if key else ""
        request = f"GET {path} HTTP/1.1\r\nHost: {self._name}\r\n{bearer}\r\n".encode()
        kept, self._kept = self._kept, None
        if kept is not None and kept.open:
            try:
                return await self._ask(kept, request, seconds)
            except Broken:
                # The replica closed the idle connection while the request was on its way.
                pass
        return await self._ask(await self._connect(), request, seconds)

    async def reach(self) -> None:
        """Opens a connection and closes it. Raises NoConnection or TimeoutError."""
        (await self._connect()).close()

    def close(self) -> None:
        """Closes the kept connection."""
        if self._kept is not None:
            self._kept.close()

    async def _ask(self, connection: "_ProbeConnection", request: bytes, seconds: float) -> Reply:
        try:
            async with asyncio.timeout(seconds):
                answer = await connection.ask(request)
        except BaseException:
            # A late answer must not be taken for the answer to the next request.
            connection.close()
            raise
        self._kept = connection
        return answer

    async def _connect(self) -> "_ProbeConnection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, made = await loop.create_connection(_ProbeConnection, self._host, self._port)
        except OSError as error:
            raise NoConnection(str(error)) from error
        self.connections += 1
        return made


class _ProbeConnection(asyncio.Protocol):
    """Turns bytes into answers. `open` is True until either side closes it."""

    def __init__(self) -> None:
        self.open = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Reply] | None = None
        self._body = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, request: bytes) -> Reply:
        self._answer = asyncio.get_running_loop().create_future()
        self._body.clear()
        self._headers = {}
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._fail("the connection ended")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"no HTTP: {error}")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _LARGEST:
            self._fail("an endless answer")
            self.close()

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            status, body = self._parser.get_status_code(), bytes(self._body)
            self._answer.set_result(Reply(status, body, self._headers))
        if not self._parser.should_keep_alive():
            self.close()

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(why))
