"""How does a test speak to a llama-server, or to the gateway, down to half-closed connections?

client = Client(port, key)
reply = await client.post("/completion", {"prompt": "Hi"})
async with client.sending("/completion", {...}) as exchange:
    await exchange.first()              the first bytes of the body
    async for event in exchange.events(): ...
    exchange.half_close()               no more comes from here; what comes back is still read
    await exchange.closed()             the other side has closed
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httptools

PATIENCE: Final = 120.0


class Broken(Exception):
    """The connection ended before the answer did."""


@dataclass
class Reply:
    """A whole answer. Names of headers are lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The values of its SSE events; `[DONE]` as that string."""
        return [_event(part) for part in self.body.split(b"\n\n") if part.startswith(b"data: ")]


class Exchange:
    """One request on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.reply = Reply(0)
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.reply.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.reply.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.reply.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    async def first(self) -> bytes:
        """What came of the body as soon as there is any."""
        while not self.reply.body and not self.complete:
            await self._more()
        return self.reply.body

    async def whole(self) -> Reply:
        """The answer to its end."""
        while not self.complete:
            await self._more()
        return self.reply

    async def events(self) -> AsyncIterator[Any]:
        """The values of the SSE events as they come."""
        seen = 0
        while True:
            found = self.reply.events()[seen:]
            if self.complete or self.reply.body.endswith(b"\n\n"):
                for event in found:
                    yield event
                seen += len(found)
            if self.complete:
                return
            await self._more()

    async def _more(self) -> None:
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.read(65536)
        if not data:
            raise Broken(f"{self.reply.status}, {len(self.reply.body)} bytes of body")
        self._parser.feed_data(data)

    def half_close(self) -> None:
        self.writer.write_eof()

    async def closed(self) -> None:
        """Waits until the other side has closed; throws away what still comes."""
        async with asyncio.timeout(PATIENCE):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                return

    def close(self) -> None:
        self.writer.close()


@dataclass(frozen=True)
class Client:
    """Of a server on loopback."""

    port: int
    key: str = ""

    async def get(self, path: str, **headers: str) -> Reply:
        async with self.sending(path, None, headers) as exchange:
            return await exchange.whole()

    async def post(self, path: str, body: object, **headers: str) -> Reply:
        async with self.sending(path, body, headers) as exchange:
            return await exchange.whole()

    async def busy(self) -> int:
        """How many slots does /slots show busy?"""
        slots = (await self.get("/slots")).json()
        return sum(slot["is_processing"] for slot in slots)

    @asynccontextmanager
    async def sending(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Exchange]:
        """An exchange whose request is sent; on leaving, its connection is closed."""
        exchange = await self.send(path, body, headers)
        try:
            yield exchange
        finally:
            exchange.close()

    async def send(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        """An exchange whose request is sent, to be closed by the caller."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self._request(path, body, headers or {}))
        return Exchange(reader, writer)

    def _request(self, path: str, body: object, headers: Mapping[str, str]) -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Host": "localhost", "Connection": "close"}
        if self.key:
            given["Authorization"] = f"Bearer {self.key}"
        if body is not None:
            given |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in (given | dict(headers)).items())
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()
        return head if body is None else head + data


async def holds(condition: Any, *given: Any) -> None:
    """Returns when the coroutine function gives something true; fails if it never does."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await condition(*given):
                return
            await asyncio.sleep(0.02)


def _event(part: bytes) -> Any:
    text = part.removeprefix(b"data: ")
    return "[DONE]" if text == b"[DONE]" else json.loads(text)
