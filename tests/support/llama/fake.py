"""A llama-server that computes nothing: for tests of the gateway, and for its benches.

    async with FakeLlama.running(Shape(slots=2)) as server:
        server.url, server.faults, server.deferrals

    python -m tests.support.llama.fake --port 9000 --slots 4

What no real server has: GET /fake says what it counted, POST /fake sets its faults.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from typing import Any, Self

import uvloop

from .bodies import Bodies, Rejected
from .engine import Engine
from .faults import Death, Faults
from .shape import Shape
from .shapes import encoded, error, slot_json
from .wire import JSON, Connection, Request

_PUBLIC = {"/health", "/v1/health"}
_LOADING = error(503, "unavailable_error", "Loading model")


class FakeLlama:
    """One server. `requests` counts those that computed; `last_fields` are the last body's."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.faults = Faults()
        self.engine = Engine(shape)
        self.port = 0
        self.requests = 0
        self.last_fields: dict[str, Any] = {}
        self._loaded = False
        self._connections: set[Connection] = set()
        self._alone = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._past = 0
        self._dying: asyncio.Task[None] | None = None
        self._began = time.monotonic_ns()

    @classmethod
    @asynccontextmanager
    async def running(cls, shape: Shape | None = None, port: int = 0) -> AsyncIterator[Self]:
        server = cls(shape or Shape())
        await server.start(port)
        try:
            yield server
        finally:
            await server.die()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def deferrals(self) -> int:
        """How many tasks found no slot, since the beginning?"""
        return self._past + self.engine.deferrals

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def start(self, port: int = 0) -> None:
        """Listens; answers once it has loaded."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connection, "127.0.0.1", port or self.port, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._began = time.monotonic_ns()
        self._loaded = self.shape.loading == 0
        if not self._loaded:
            loop.call_later(self.shape.loading, setattr, self, "_loaded", True)

    async def die(self) -> None:
        """As if it were killed: all connections break, nothing listens."""
        if self._server:
            self._server.close()
            self._server = None
        self.engine.freeze()
        await asyncio.sleep(0)  # one that was just accepted has its transport then
        for connection in list(self._connections):
            connection.left = None
            connection.transport.abort()
        if self._connections:
            self._alone.clear()
            await self._alone.wait()

    async def restart(self, shape: Shape | None = None) -> None:
        """Dies and comes back at the same port, empty, maybe with another shape."""
        await self.die()
        self._past = self.deferrals
        self.shape = shape or self.shape
        self.engine = Engine(self.shape)
        await self.start()

    def _connection(self) -> Connection:
        connection = Connection(self._serve, self.shape.idle)
        connection.on_closed = self._closed
        self._connections.add(connection)
        return connection

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._alone.set()

    def _serve(self, request: Request, connection: Connection) -> None:
        if request.path == "/fake":
            self._control(request, connection)
        elif self.faults.deaf:
            return
        elif not self._loaded or (self.faults.unhealthy and request.path == "/health"):
            _answer(connection, 503, _LOADING)
        elif self.shape.key and request.path not in _PUBLIC and request.key() != self.shape.key:
            _answer(connection, 401, error(401, "authentication_error", "Invalid API Key"))
        else:
            self._route(request, connection)

    def _route(self, request: Request, connection: Connection) -> None:
        match request.method, request.path:
            case "GET", "/health" | "/v1/health":
                _answer(connection, 200, {"status": "ok"})
            case "GET", "/slots":
                self._slots(connection)
            case "GET", "/props":
                _answer(connection, 200, self._props())
            case "GET", "/metrics":
                since = f"Process-Start-Time-Unix: {self._began // 1000}"
                connection.answer(200, self._metrics(), "text/plain; version=0.0.4", since)
            case "GET", "/v1/models" | "/models":
                data = [{"id": self.shape.model, "object": "model", "owned_by": "llamacpp"}]
                _answer(connection, 200, {"object": "list", "data": data})
            case _:
                self._compute(request, connection)

    def _compute(self, request: Request, connection: Connection) -> None:
        if self.faults.deadly and self.faults.deadly.encode() in request.body:
            self.requests += 1
            self._dying = asyncio.get_running_loop().create_task(self.die())
            return
        try:
            value = Bodies(self, connection).answer(request)
        except Rejected as rejected:
            _answer(connection, rejected.status, rejected.body)
        else:
            if value is not None:
                _answer(connection, 200, value)

    def _slots(self, connection: Connection) -> None:
        waiting = ",".join(self.engine.waiting())
        ours = [f"X-Llmstack-Waiting: {waiting}"] if self.shape.llmstack else []

        def answer() -> None:
            shown = [slot_json(slot, self.shape) for slot in self.engine.slots]
            connection.answer(200, encoded(shown), JSON, *ours)

        if self.faults.hang_slots:
            return
        if self.shape.patient_slots:
            self.engine.between_steps(answer)
        else:
            answer()

    def _props(self) -> dict[str, Any]:
        return {
            "default_generation_settings": {"n_ctx": self.shape.context},
            "total_slots": self.shape.slots,
            "model_alias": self.shape.model,
            "model_path": "/models/fake.gguf",
            "modalities": {"vision": False, "audio": False},
            "chat_template": "",
            "build_info": "b0-fake",
            **({"llmstack": {"lease": 1, "salt": 1}} if self.shape.llmstack else {}),
        }

    def _metrics(self) -> bytes:
        values = {
            "requests_processing": self.engine.processing,
            "requests_deferred": len(self.engine.deferred),
        }
        return "".join(
            f"# TYPE llamacpp:{name} gauge\nllamacpp:{name} {value}\n"
            for name, value in values.items()
        ).encode()

    def _control(self, request: Request, connection: Connection) -> None:
        if request.method == "POST":
            self.set_faults(**json.loads(request.body))
        counted = {"deferrals": self.deferrals, "requests": self.requests}
        _answer(connection, 200, counted | {"processing": self.engine.processing})

    def set_faults(self, **changes: Any) -> None:
        """Faults by name, and `speed` (1 as usual, 0.1 ten times slower) and `freeze`."""
        self.engine.speed = changes.pop("speed", self.engine.speed)
        if changes.pop("freeze", False):
            self.engine.freeze()
        if changes.get("death"):
            changes["death"] = Death(changes["death"])
        self.faults = Faults(**(asdict(self.faults) | changes))


def _answer(connection: Connection, status: int, value: object) -> None:
    connection.answer(status, encoded(value))


async def _serve_forever(shape: Shape, port: int) -> None:
    async with FakeLlama.running(shape, port) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Options are the fields of Shape."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    for option in fields(Shape):
        name = f"--{option.name.replace('_', '-')}"
        if isinstance(option.default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=option.default)
        else:
            parser.add_argument(name, type=type(option.default), default=option.default)
    given = vars(parser.parse_args())
    port = given.pop("port")
    uvloop.run(_serve_forever(Shape(**given), port))


if __name__ == "__main__":
    main()
