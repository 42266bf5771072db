"""What answers behind the proxies, as llama-server would, in exact time and for little CPU?

    python -m bench.gateway.backend [--slots 4096] [--interval 0.02] [--service 0] [--jitter 0]

Prints its port. A stream gets its next event each `interval` seconds; a plain answer takes
`service` seconds, more or less by a share of `jitter` that depends on the request. More requests
than slots are deferred, as llama-server does; /metrics says how many wait.
"""

import argparse
import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import httptools
import uvloop

from bench.gateway import answers
from bench.gateway.wheel import Wheel

_TICK = 0.001
_STREAM = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_PLAIN = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@dataclass
class Backend:
    """Slots, and who is on them."""

    slots: int
    interval: float
    service: float
    jitter: float
    busy: int = 0
    waiting: deque["_Connection"] = field(default_factory=deque)
    wheel: Wheel = field(default_factory=lambda: Wheel(_TICK))

    def page(self, path: bytes) -> bytes:
        """What the gateway asks of a replica."""
        pages = {
            b"/health": {"status": "ok"},
            b"/props": {"total_slots": self.slots, "model_alias": answers.MODEL},
            b"/slots": [
                {"id": slot, "n_ctx": 4096, "is_processing": slot < self.busy}
                for slot in range(self.slots)
            ],
            b"/metrics": f"llamacpp:requests_deferred {len(self.waiting)}\n",
        }
        return json.dumps(pages[path.partition(b"?")[0]]).encode()

    def take(self, connection: "_Connection") -> None:
        """A slot, at once or when one is free."""
        if self.busy >= self.slots:
            self.waiting.append(connection)
            return
        self.busy += 1
        connection.begin()

    def free(self) -> None:
        self.busy -= 1
        while self.waiting and self.busy < self.slots:
            connection = self.waiting.popleft()
            if not connection.transport.is_closing():
                self.busy += 1
                connection.begin()


class _Connection(asyncio.Protocol):
    """One request after the other."""

    transport: asyncio.Transport

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.parser = httptools.HttpRequestParser(self)
        self.path = self.body = b""
        self.on_slot = False
        self.ask = answers.Ask(0)
        self.left: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.left.clear()
        self.end()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path, self.body = url, b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_method() == b"GET":
            self.answer(self.backend.page(self.path))
            return
        self.ask = answers.read(self.body)
        self.backend.take(self)

    def begin(self) -> None:
        """Starts computing."""
        self.on_slot = True
        backend = self.backend
        if self.ask.chunks:
            self.left = [b"%x\r\n%b\r\n" % (len(p), p) for p in reversed(answers.pieces(self.ask))]
            self.transport.write(_STREAM)
            backend.wheel.add(backend.interval, self)
        elif backend.service:
            spread = random.Random(self.ask.seed).uniform(-backend.jitter, backend.jitter)
            asyncio.get_running_loop().call_later(backend.service * (1 + spread), self.finish)
        else:
            self.finish()

    def step(self) -> float | None:
        """The next event; in how many seconds comes the one after it?"""
        if not self.left:
            return None
        self.transport.write(self.left.pop())
        if self.left:
            return self.backend.interval
        self.transport.write(b"0\r\n\r\n")
        self.end()
        return None

    def finish(self) -> None:
        self.answer(answers.plain(self.ask))
        self.end()

    def answer(self, body: bytes) -> None:
        self.transport.write(_PLAIN % len(body) + body)

    def end(self) -> None:
        if self.on_slot:
            self.on_slot = False
            self.backend.free()


async def _serve(backend: Backend) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(backend), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway.backend")
    parser.add_argument("--slots", type=int, default=4096)
    parser.add_argument("--interval", type=float, default=0.02)
    parser.add_argument("--service", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    given = parser.parse_args()
    uvloop.run(_serve(Backend(given.slots, given.interval, given.service, given.jitter)))


if __name__ == "__main__":
    main()
