"""Which connection leads to a replica? One that is open and idle, else a new one."""

import asyncio
from collections import deque
from typing import cast

from llmstack.gateway.catalog import Backend
from llmstack.gateway.http.faults import Unreachable
from llmstack.gateway.http.limits import Limits

Address = tuple[str, int]


class Upstream(asyncio.Protocol):
    """A connection to a replica. While a request uses it, a Relay is its transport's protocol."""

    __slots__ = ("_idle", "_loop", "reused", "since", "transport")

    def __init__(self, idle: "deque[Upstream]", loop: asyncio.AbstractEventLoop) -> None:
        self._idle = idle
        self._loop = loop
        self.transport: asyncio.Transport
        self.reused = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        # Nobody asked: it may be the rest of an answer, which must never become part of the next.
        self._leave()
        self.transport.abort()

    def eof_received(self) -> None:
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def give_back(self, reusable: bool) -> None:
        """Its request is over. Only a clean connection may serve another one."""
        transport = self.transport
        if not reusable or transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()
            return
        transport.set_protocol(self)
        self.since = self._loop.time()
        self._idle.append(self)

    def close(self) -> None:
        """Ends an idle connection."""
        self.transport.close()

    def _leave(self) -> None:
        if self in self._idle:
            self._idle.remove(self)


class Upstreams:
    """The connections to all replicas."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[Address, deque[Upstream]] = {}

    def idle(self, backend: Backend) -> Upstream | None:
        """The connection that was used last; it is the least likely to be closed by now."""
        idle = self._idle.get((backend.host, backend.port))
        while idle:
            upstream = idle.pop()
            if not upstream.transport.is_closing():
                upstream.reused = True
                return upstream
        return None

    async def connect(self, backend: Backend) -> Upstream:
        """A new connection. Raises Unreachable."""
        address = (backend.host, backend.port)
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault(address, deque())
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, upstream = await loop.create_connection(lambda: Upstream(idle, loop), *address)
        except TimeoutError as error:
            seconds = self._limits.connect_seconds
            raise Unreachable(f"accepted no connection within {seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"accepted no connection ({error.strerror or error})") from error
        return upstream

    def tick(self, now: float) -> None:
        """Closes what was idle too long, before the replica does."""
        oldest = now - self._limits.upstream_idle_seconds
        for address, idle in list(self._idle.items()):
            while idle and idle[0].since < oldest:
                idle.popleft().close()
            if not idle:
                del self._idle[address]

    def close(self) -> None:
        """Closes all that are idle."""
        self.tick(float("inf"))
