"""The client: how are thousands of requests sent in exact time, and every byte of the answers kept?

Nothing is parsed while the load runs: what arrives is kept with its time, and looked at afterwards.
"""

import asyncio
import gc
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import httptools
import uvloop

from bench.gateway import answers

T = TypeVar("T")

_LAST_CHUNK = b"0\r\n\r\n"


class Broken(Exception):
    """The connection ended before the answer did."""


@dataclass
class Answer:
    """What came: (seconds of the monotonic clock, bytes), as they came, head included.

    Not the loop's clock: uvloop's stands still for a millisecond.
    """

    asked: float
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Seconds until the first byte."""
        return self.arrivals[0][0] - self.asked

    @property
    def whole(self) -> float:
        """Seconds until the last byte."""
        return self.arrivals[-1][0] - self.asked

    def parsed(self) -> "Parsed":
        """Status, headers and body, without their framing."""
        found = Parsed()
        parser = httptools.HttpResponseParser(found)
        parser.feed_data(b"".join(data for _, data in self.arrivals))
        found.status = parser.get_status_code()
        return found

    def is_right(self, ask: answers.Ask) -> bool:
        """200, and each byte as expected?"""
        parsed = self.parsed()
        return parsed.status == 200 and parsed.body == answers.expected(ask)


@dataclass
class Parsed:
    """An answer taken apart."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        self.parts.append(data)


class Connection(asyncio.Protocol):
    """One request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer = Answer(0)
        self._done: asyncio.Future[Answer] | None = None
        self._left = -1  # bytes of a body of known length; -1 while the head has not come
        self._chunked = False

    async def ask(self, request: bytes) -> Answer:
        """Sends it and waits."""
        self._left, self._chunked = -1, False
        self._done = self._loop.create_future()
        self._answer = Answer(time.monotonic())
        self.transport.write(request)
        return await self._done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(Broken(f"{len(self._answer.arrivals)} pieces came: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._answer.arrivals.append((time.monotonic(), data))
        if self._chunked:
            ended = data.endswith(_LAST_CHUNK)
        elif self._left >= 0:
            self._left -= len(data)
            ended = self._left <= 0
        else:
            ended = self._head(data)
        if ended and self._done and not self._done.done():
            self._done.set_result(self._answer)

    def _head(self, data: bytes) -> bool:
        """Learns the framing; is that all already? A head comes in one piece on loopback."""
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = [line[15:] for line in lines if line.startswith(b"content-length:")]
        if length:
            self._left = int(length[0]) - len(body)
            return self._left <= 0
        self._chunked = True
        return body.endswith(_LAST_CHUNK)


def request(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """The bytes of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench.local", "User-Agent: bench", *headers]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def connect(port: int) -> Connection:
    """A kept connection."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection


def run(load: Coroutine[Any, Any, T], limit: float) -> T:
    """Runs a load to its end, or until its limit in seconds."""

    async def bounded() -> T:
        async with asyncio.timeout(limit):
            return await load

    with _no_collection():
        return uvloop.run(bounded())


@contextmanager
def _no_collection() -> Iterator[None]:
    """The client's pauses are not the proxy's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
