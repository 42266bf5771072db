"""How does one connection to the fake server go? As with llama-server's HTTP library.

One request at a time; a connection that is idle for some seconds, or has served a hundred requests,
or got an error as answer, is closed. A client that has closed its side, or only its sending side,
counts as gone; the request that runs hears of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools

MOST_REQUESTS = 100
JSON = "application/json; charset=utf-8"


@dataclass
class Request:
    """What a client asked. Names of headers are lower case."""

    method: str = ""
    target: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    def key(self) -> str:
        """The key it brings, "" without one."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("x-api-key", "")


class Connection(asyncio.Protocol):
    """`serve` is called with each request; it, or what it starts, answers.

    `left` is called once when the client goes away while a request is running.
    """

    def __init__(self, serve: Callable[[Request, Connection], None], idle: float) -> None:
        self.gone = False
        self.left: Callable[[], None] | None = None
        self._serve = serve
        self._idle = idle
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._served = 0
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self.on_closed: Callable[[Connection], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._rest()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.answer(400, b"")

    def eof_received(self) -> bool:
        self._is_gone()
        return self._busy

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_gone()
        if self._timer:
            self._timer.cancel()
        if self.on_closed:
            self.on_closed(self)

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method().decode()
        self._waiting.append(self._request)
        self._next()

    def answer(self, status: int, body: bytes, kind: str = JSON, *headers: str) -> None:
        """The whole answer, with these lines in its head."""
        self._closing = self._closing or status >= 400
        lines = "\r\n".join((f"Content-Length: {len(body)}", *headers))
        self._write(self._head(status, kind, lines))
        self._write(body)
        self._finish()

    def start(self) -> None:
        """The head of a stream."""
        framing = "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked"
        self._write(self._head(200, "text/event-stream", framing))

    def chunk(self, data: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """The end of a stream."""
        self._write(b"0\r\n\r\n")
        self._finish()

    def drop(self, last: bytes = b"") -> None:
        """Closes in the middle, as a process that died."""
        self._write(last)
        self.left = None
        self.transport.close()

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _head(self, status: int, kind: str, framing: str) -> bytes:
        stays = not self._closing and self._served + 1 < MOST_REQUESTS
        keep = f"Keep-Alive: timeout={self._idle:.0f}, max={MOST_REQUESTS}"
        return (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: llama.cpp\r\n"
            f"Access-Control-Allow-Origin: \r\nContent-Type: {kind}\r\n{framing}\r\n"
            f"{keep if stays else 'Connection: close'}\r\n\r\n"
        ).encode()

    def _next(self) -> None:
        if self._waiting and not self._busy:
            self._busy = True
            if self._timer:
                self._timer.cancel()
            request = self._waiting.popleft()
            self._closing = request.headers.get("connection", "").lower() == "close"
            self._serve(request, self)

    def _finish(self) -> None:
        self.left, self._busy, self._served = None, False, self._served + 1
        if self._closing or self.gone or self._served >= MOST_REQUESTS:
            self.transport.close()
            return
        self._rest()
        self._next()

    def _rest(self) -> None:
        if not self._busy:
            self._timer = asyncio.get_running_loop().call_later(self._idle, self.transport.close)

    def _is_gone(self) -> None:
        self.gone = True
        if self.left:
            left, self.left = self.left, None
            left()
