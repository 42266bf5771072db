"""Which connection leads to a replica? An open, idle one if there is one, else a new one."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.faults import Unreachable
from llmstack.gateway.http.sockets import probe
from llmstack.settings.limits import Limits

Address = tuple[str, int]
Idle = dict[Address, "deque[Upstream]"]
"""The unused connections per address, the most recently used one last."""


class User(Protocol):
    """The request that uses a connection."""

    def data_received(self, data: bytes) -> None:
        """Takes bytes that came."""
        ...

    def ended(self, exc: Exception | None) -> None:
        """Is told that no more bytes will come."""
        ...


class _Left:
    """Drops what still comes of a response that nobody reads."""

    __slots__ = ("_limit", "then")

    def __init__(self, limit: asyncio.TimerHandle) -> None:
        self._limit = limit
        self.then: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Drops the bytes."""

    def ended(self, exc: Exception | None) -> None:
        """Calls `then` once: asyncio reports the end of input, then that of the connection."""
        self._limit.cancel()
        if self.then is not None:
            then, self.then = self.then, None
            then()


class Upstream(asyncio.Protocol):
    """A connection to a replica. `user` is None while it is idle."""

    __slots__ = (
        "_address",
        "_idle",
        "_leave_seconds",
        "_loop",
        "over",
        "reused",
        "since",
        "transport",
        "user",
    )

    def __init__(
        self,
        idle: Idle,
        address: Address,
        loop: asyncio.AbstractEventLoop,
        leave_seconds: float,
    ) -> None:
        self._idle = idle
        self._address = address
        self._loop = loop
        self._leave_seconds = leave_seconds
        self.transport: asyncio.Transport
        self.user: User | None = None
        self.over = False
        self.reused = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)
        probe(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self.user is not None:
            self.user.data_received(data)
            return
        # Unrequested bytes may be the rest of an answer; they must not become part of the next.
        self._leave()
        self.transport.abort()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        if self.user is not None:
            self.user.ended(exc)
        else:
            self._leave()

    def give_back(self, reusable: bool) -> None:
        """Ends the current use. The connection is reused only if it is clean, else reset."""
        transport = self.transport
        if not reusable or transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()
            return
        self.user = None
        self.since = self._loop.time()
        self._idle.setdefault(self._address, deque()).append(self)

    def close(self) -> None:
        """Closes an idle connection."""
        self.transport.close()

    def leave(self, ended: Callable[[], None] | None) -> None:
        """Ends a request that is no longer wanted, by closing our side.

        What still comes is dropped. `ended` is called once the replica has closed its side. A
        replica checks its clients only once a second; until then it may start what it had put
        aside, so a slot that it shows as idle would be given out twice. A replica that does not
        react within `leave_seconds` is cut off, so that it cannot keep the connection and the
        lease.
        """
        if not isinstance(self.user, _Left):
            self.user = _Left(self._loop.call_later(self._leave_seconds, self.transport.abort))
            self.transport.set_protocol(self)
            if self.over:
                self.transport.abort()
            elif not self.transport.is_closing():
                self.transport.resume_reading()
                self.transport.write_eof()
        if ended is not None and self.over:
            ended()
        elif ended is not None:
            self.user.then = ended

    def _leave(self) -> None:
        idle = self._idle.get(self._address)
        if idle is not None and self in idle:
            idle.remove(self)


class Upstreams:
    """The connections to all replicas."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: Idle = {}

    def idle(self, backend: Backend) -> Upstream | None:
        """Takes the most recently used idle connection, the least likely to be closed, or None."""
        idle = self._idle.get((backend.host, backend.port))
        while idle:
            upstream = idle.pop()
            if not upstream.transport.is_closing():
                upstream.reused = True
                return upstream
        return None

    async def connect(self, backend: Backend) -> Upstream:
        """Opens a new connection. Raises Unreachable."""
        address = (backend.host, backend.port)
        loop, leave_seconds = asyncio.get_running_loop(), self._limits.leave_seconds
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, upstream = await loop.create_connection(
                    lambda: Upstream(self._idle, address, loop, leave_seconds), *address
                )
        except TimeoutError as error:
            seconds = self._limits.connect_seconds
            raise Unreachable(f"accepted no connection within {seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"accepted no connection ({error.strerror or error})") from error
        return upstream

    def tick(self, now: float) -> None:
        """Closes connections that have been idle too long, before the replica does."""
        oldest = now - self._limits.upstream_idle_seconds
        for address, idle in list(self._idle.items()):
            while idle and idle[0].since < oldest:
                idle.popleft().close()
            if not idle:
                del self._idle[address]

    def close(self) -> None:
        """Closes all idle connections."""
        self.tick(float("inf"))
