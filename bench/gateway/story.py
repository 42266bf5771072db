"""What does a short request cost the gateway's process, without sockets and kernel?

One run of whichever checkout's code PYTHONPATH names: eight clients and a replica that are no more
than transports, each request sent when the last is answered, and all that the gateway does between,
its record and its line in the access log included. `--count N` sends so many and tells nothing: the
difference of two runs under `valgrind --tool=cachegrind` is instructions, which do not depend on
other loads. Without it, prints microseconds of CPU time, the best of some rounds. `--peers`: the
gateway has a place among peers, and no peer, as one alone has in a cluster.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

import uvloop

from bench.gateway import answers
from llmstack.gateway import main as gateway_main
from llmstack.gateway.catalog import Model, catalog_of
from llmstack.gateway.config_schema import Address
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.connection import ClientConnection
from llmstack.gateway.http.upstream import Upstream
from llmstack.gateway.peers.place import Peers
from llmstack.gateway.process import Gateway, Place
from llmstack.settings.limits import Limits

_CLIENTS = 8
_NAME = "127.0.0.1:9191"
_SLOTS = 64
_COUNT = 1000
_ROUNDS = 30
_PLAIN = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n"
)
_BACKEND = Backend("r0", "127.0.0.1", 9)


class _Transport(asyncio.Transport):
    """A connection without a socket: the other end answers what is written, a turn later."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self._other = other
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self._other(self, data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class _Load:
    """Sends requests until `left` is used up; `over` is set when the last is answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        body = answers.Ask(123456).body()
        lines = ["POST /v1/chat/completions HTTP/1.1", "Host: bench.local", "User-Agent: bench"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        self._request = "\r\n".join(lines).encode() + body
        plain = answers.plain(answers.Ask(123456))
        self._answer = _PLAIN % len(plain) + plain
        self.left = 0
        self.running = 0
        self.over = asyncio.Event()

    def replica(self, transport: _Transport, _: Any) -> None:
        self._loop.call_soon(self._deliver, transport, self._answer)

    def client(self, transport: _Transport, _: Any) -> None:
        self.running -= 1
        self.send(transport)

    def send(self, transport: _Transport) -> None:
        if self.left:
            self.left -= 1
            self.running += 1
            # Three turns later: by then the story of the request before has ended.
            soon = self._loop.call_soon
            soon(soon, soon, self._deliver, transport, self._request)
        elif not self.running:
            self.over.set()

    def _deliver(self, transport: _Transport, data: bytes) -> None:
        transport.protocol.data_received(data)


def _gateway(load: _Load, peers: bool) -> tuple[Gateway, list[_Transport]]:
    """A gateway that knows one replica, with idle connections to it, and clients."""
    anywhere = Address("", 0)
    place = Place(anywhere, anywhere, 0, 0)
    if peers:
        place = replace(place, peers=anywhere, name=_NAME)
    gateway: Any = Gateway(place, Limits())
    catalog = catalog_of([Model(answers.MODEL, backends=(_BACKEND,))])
    gateway.app.catalog = catalog
    owner = gateway._owner
    if peers:
        gateway._replicas.follow = owner.apply
        gateway.meet(Peers(anywhere, _NAME, (_NAME,), b"key"))
        gateway.serve(catalog, None, ())
    owner.apply(catalog)
    owner.replica_up(answers.MODEL, _BACKEND.id, _SLOTS)
    seen = import_module("llmstack.routing.slots").SlotsSeen
    now = time.monotonic()
    owner.seen(answers.MODEL, _BACKEND.id, seen(now, _SLOTS, 0))
    tries = getattr(gateway._exchanges, "_tries", gateway._exchanges)
    idle = tries._upstreams._idle
    loop = asyncio.get_running_loop()
    for _ in range(_CLIENTS):
        upstream = _upstream(idle, loop)
        upstream.transport = _Transport(load.replica)
        upstream.transport.set_protocol(upstream)
        upstream.give_back(reusable=True)
    clients = []
    for _ in range(_CLIENTS):
        client = _Transport(load.client)
        connection = ClientConnection(gateway._server, loop)
        client.protocol = connection
        connection.connection_made(client)
        clients.append(client)
    return gateway, clients


def _upstream(idle: Any, loop: asyncio.AbstractEventLoop) -> Upstream:
    """As this checkout makes it."""
    made: Any = Upstream
    limit = [5.0] if "_leave_seconds" in made.__slots__ else []
    upstream: Upstream = made(idle, (_BACKEND.host, _BACKEND.port), loop, *limit)
    return upstream


async def _send(load: _Load, clients: list[_Transport], count: int) -> None:
    load.left = count
    load.over.clear()
    for client in clients:
        load.send(client)
    await load.over.wait()


async def _run(count: int, peers: bool) -> None:
    load = _Load(asyncio.get_running_loop())
    gateway, clients = _gateway(load, peers)
    cast(Any, gateway)._log._descriptor = os.open(os.devnull, os.O_WRONLY)
    gateway_main._collect_rarely()
    await _send(load, clients, 200)
    if count:
        await _send(load, clients, count)
        return
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        await _send(load, clients, _COUNT)
        best = min(best, (time.process_time() - began) / _COUNT)
    sys.stdout.write(f"{best * 1e6:.1f}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    uvloop.run(_run(given.count, given.peers))
