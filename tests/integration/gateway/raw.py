"""Replicas that send any bytes, clients that do, and a gateway in between, all in this process.

What a real llama-server cannot be made to do on demand is scripted here byte by byte. The clients'
side of an answer is judged by h11, which shares no code with the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import h11
import uvloop

from llmstack.gateway.app import App
from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.exchange import Exchanges
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.server import Server
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.outcome import Outcome
from llmstack.routing.budget import QueueLimits
from llmstack.routing.slots import SlotsSeen
from llmstack.settings.limits import Limits
from tests.support import waiting

BODY = b'{"model": "smol", "messages": [{"role": "user", "content": "hi"}]}'
STREAM = BODY[:-1] + b', "stream": true}'
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENCE = 20
QUICK = Limits(tick=0.02)
until = functools.partial(waiting.until, seconds=PATIENCE)


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test on the loop that production runs on."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def plain(body: bytes, status: bytes = b"200 OK", head: bytes = b"") -> bytes:
    """A whole answer with a length."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), head, body)


def post(body: bytes = BODY, path: bytes = b"/v1/chat/completions", head: bytes = b"") -> bytes:
    """A whole request."""
    length = len(body)
    return b"POST %b HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n%b\r\n%b" % (
        path,
        length,
        head,
        body,
    )


@dataclass
class Turn:
    """One request at a replica."""

    number: int
    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def client_gone(self) -> None:
        """Until the gateway closes the connection."""
        with contextlib.suppress(ConnectionError):
            assert await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        reset(self.writer)


Script = Callable[[Turn], Awaitable[None]]


class Replica:
    """Reads requests and lets its script answer them."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.turns: list[Turn] = []
        self.connections = 0
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, script: Script) -> AsyncIterator[Replica]:
        replica = cls(script)
        server = await asyncio.start_server(replica._serve, "127.0.0.1", 0, limit=1 << 20)
        replica.port = server.sockets[0].getsockname()[1]
        try:
            yield replica
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                body = await reader.readexactly(length)
                turn = Turn(len(self.turns) + 1, head, body, reader, writer)
                self.turns.append(turn)
                await self.script(turn)
        writer.close()


@dataclass
class Answer:
    """What a client was told; `cut`: the answer did not end as HTTP says."""

    status: int
    headers: dict[str, str]
    body: bytearray
    cut: bool
    raw: bytearray


class Raw:
    """A client that sends any bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._rest = b""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """The next whole answer; whatever came of it, if it was cut off."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
        parser.send(h11.EndOfMessage())
        rest, self._rest = self._rest, b""
        answer = Answer(0, {}, bytearray(), False, bytearray(rest))
        if rest:
            parser.receive_data(rest)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    event = parser.next_event()
                except h11.RemoteProtocolError:
                    answer.cut = True
                    return answer
                if event is h11.NEED_DATA:
                    try:
                        data = await self.reader.read(65536)
                    except ConnectionError:
                        answer.cut = True
                        return answer
                    answer.raw += data
                    parser.receive_data(data)
                elif isinstance(event, h11.Response):
                    answer.status = event.status_code
                    answer.headers = {n.decode(): v.decode() for n, v in event.headers}
                elif isinstance(event, h11.Data):
                    answer.body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self._rest = parser.trailing_data[0]
                    return answer
                elif isinstance(event, h11.ConnectionClosed):
                    answer.cut = True
                    return answer

    async def until(self, text: bytes) -> None:
        """Reads on until this came; answer() will see it all the same."""
        async with asyncio.timeout(PATIENCE):
            while text not in self._rest:
                data = await self.reader.read(65536)
                assert data, f"it ended with {self._rest!r}"
                self._rest += data

    async def closed(self) -> bool:
        """Waits for the gateway to close; nothing more may come."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    def reset(self) -> None:
        reset(self.writer)


@dataclass
class Front:
    """A gateway, and what it has recorded."""

    port: int
    owner: LocalOwner
    server: Server
    exchanges: Exchanges
    app: App
    outcomes: list[Outcome] = field(default_factory=list)

    async def client(self) -> Raw:
        return Raw(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, request: bytes) -> Answer:
        client = await self.client()
        await client.send(request)
        answer = await client.answer()
        client.writer.close()
        return answer

    async def recorded(self, count: int = 1) -> Outcome:
        """The newest record, once there are so many."""
        await until(lambda: len(self.outcomes) >= count)
        assert len(self.outcomes) == count
        return self.outcomes[-1]

    @property
    def busy(self) -> int:
        """Slots in the hands of requests, or in doubt."""
        load = self.owner.load()["smol"]
        return load.busy + load.draining

    @property
    def idle(self) -> bool:
        """Nothing of any request is left."""
        relays = [connection.client.relay for connection in self.server.connections]
        return not any(relays) and self.server.held == 0


@contextlib.asynccontextmanager
async def gateway(
    *ports: int, limits: Limits = QUICK, slots: int = 2, **model: Any
) -> AsyncIterator[Front]:
    """A gateway for the model `smol` with replicas on these ports."""
    backends = tuple(Backend(f"replica-{n}", "127.0.0.1", port) for n, port in enumerate(ports))
    queue = QueueLimits(timeout=PATIENCE, cold_start_timeout=PATIENCE)
    catalog = Catalog((Model("smol", backends=backends, **{"queue": queue, **model}),))
    owner = LocalOwner(lost_seconds=limits.lost_seconds)
    owner.apply(catalog)
    for backend in backends:
        owner.replica_up("smol", backend.id, slots)
        owner.seen("smol", backend.id, SlotsSeen(asyncio.get_running_loop().time(), slots, 0))
    outcomes: list[Outcome] = []
    app = App(owner=owner, record=outcomes.append, load=owner.load, catalog=catalog)
    exchanges = Exchanges(app, limits)
    owner.lost = exchanges.lost
    server = Server(exchanges, limits)
    port = await server.listen("127.0.0.1", 0)
    try:
        yield Front(port, owner, server, exchanges, app, outcomes)
    finally:
        await server.drain(0)
        exchanges.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
