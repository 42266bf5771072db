"""What states does a client's connection go through?

    idle ─ first byte ─> reading ─ head ─> serving ─ answered ─> idle | lingering ─> closed
                            └─ malformed ────────────────────────────────┘
      any ─ FIN, RST ─> gone: the request being served is cancelled

The connection is read while a request is served, because only then is a FIN noticed.
"""

import asyncio
import logging
from enum import Enum, auto
from typing import Protocol, cast

from llmstack.gateway.http.client import Client
from llmstack.gateway.http.handler import Handler
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.intake import Intake
from llmstack.gateway.http.progress import Progress
from llmstack.gateway.http.shared import Shared

log = logging.getLogger(__name__)

_MOST_REFUSED = 100
"""Connections above the limit that get a 503; any beyond these are reset."""


class State(Enum):
    """The state of a connection."""

    IDLE = auto()
    READING = auto()
    SERVING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Host(Shared, Protocol):
    """The server, as its connections see it."""

    handler: Handler
    connections: "set[ClientConnection]"

    def left(self, connection: "ClientConnection") -> None:
        """Removes a connection that has ended."""
        ...


class ClientConnection(asyncio.Protocol):
    """One client's connection. Its requests are served one after the other."""

    def __init__(self, shared: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._loop = loop
        self._intake = Intake(shared)
        self.client = Client(shared, self._intake)
        self._state = State.IDLE
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._download: Progress | None = None  # while a response waits for its client
        self._transport: asyncio.Transport

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's classes.
        self._transport = self.client.transport = cast(asyncio.Transport, transport)
        self._since = self._loop.time()
        self._shared.connections.add(self)
        excess = len(self._shared.connections) - self._shared.limits.connections
        if excess > 0 and self._shared.lobby.make_room():
            excess = 0
        self._shared.lobby.idles(self)
        if excess > _MOST_REFUSED:
            self._transport.abort()
        elif excess > 0:
            self._refuse(Malformed(503, "Too many connections: send it again.", "connections"))

    def data_received(self, data: bytes) -> None:
        if self._state in (State.LINGERING, State.CLOSED):
            return
        try:
            self._intake.feed(data)
        except Malformed as fault:
            self._malformed(fault)
            return
        self._advance()
        if self._state is State.READING:
            self._shared.lobby.reads(self, self._intake.held)

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self._state = State.CLOSED
        self._shared.lobby.leave(self)
        self._intake.forget()
        self._shared.left(self)

    def pause_writing(self) -> None:
        self.client.paused = True
        now, limits = self._loop.time(), self._shared.limits
        self._since = now
        unread = self._transport.get_write_buffer_size()
        if self._download is None:
            self._download = Progress(limits.stall_seconds, limits.read_rate, now, -unread)
        else:
            self._download.resume(now, -unread)
        if self.client.relay is not None:
            self.client.relay.pause()

    def resume_writing(self) -> None:
        self.client.paused = False
        self._since = self._loop.time()
        self._is_stalled(self._since)
        if self.client.relay is not None:
            self.client.relay.resume()
        elif self._task is None:
            self._served()

    # What the server calls

    def tick(self, now: float) -> None:
        """Ends what has taken too long."""
        limits, waited = self._shared.limits, now - self._since
        if self.client.paused:
            if self._is_stalled(now):
                self.abort("client_stalled")
            return
        match self._state:
            case State.IDLE:
                if waited > limits.idle_seconds:
                    self.close()
            case State.READING:
                if waited > limits.head_seconds:
                    self._refuse(_slow_head(limits.head_seconds))
            case State.SERVING:
                self._tick_request(now)
            case State.LINGERING:
                if waited > limits.linger_seconds:
                    self._transport.abort()
            case State.CLOSED:
                if waited > limits.stall_seconds:
                    self._transport.abort()

    def drain(self) -> None:
        """Closes the connection if it is idle; a request being served may finish."""
        if self._state is State.IDLE:
            self.close()

    def evict(self) -> None:
        """Closes the connection to make room, with a 503 if part of a head has come."""
        if self._state is State.READING:
            self._shared.handler.refuse(self.client, _crowded())
        self.close()

    def close(self) -> None:
        """Closes the connection once everything written has been sent."""
        self._enter(State.CLOSED)
        self._transport.close()

    def abort(self, why: str) -> None:
        """Resets the connection; `why` becomes the reason why its request ended."""
        self.client.why_gone = why
        self._transport.abort()

    def _is_stalled(self, now: float) -> bool:
        """True if the client reads too slowly: it would hold a slot for nobody."""
        unread = self._transport.get_write_buffer_size()
        return self._download is not None and self._download.is_late(now, -unread)

    def _tick_request(self, now: float) -> None:
        client = self.client
        fault = self._intake.slow(now)
        if fault is not None:
            self._malformed(fault)
            return
        if client.early is not None:
            client.early.tick(now)
        relay = client.relay
        if relay is not None and relay.tick(now, self._shared.limits.answer_idle_seconds):
            self._shared.handler.heard(relay, now)

    # How it goes from one state to the next

    def _enter(self, state: State) -> None:
        self._state = state
        if state is State.IDLE:
            self._shared.lobby.idles(self)
        elif state is not State.READING:
            self._shared.lobby.leave(self)
        self._since = self._loop.time()

    def _advance(self) -> None:
        """Acts on what the reader has now."""
        reader = self._intake.reader
        if self._state is State.SERVING:
            self._intake.look_on()
        elif reader.head is not None:
            self._enter(State.SERVING)
            self._task = self._loop.create_task(self._serve())
        elif reader.begun and self._state is State.IDLE:
            self._enter(State.READING)

    async def _serve(self) -> None:
        try:
            await self._shared.handler.serve(self.client)
        except Exception:
            log.exception("failed to answer a request")
        finally:
            self._task = None
            self._served()

    def _served(self) -> None:
        """Goes on after a request was answered, or its client left."""
        client = self.client
        client.early = None
        if self._state is not State.SERVING:
            return
        if not client.responded:
            self._transport.abort()
        elif not client.keep:
            self._linger()
        elif not client.paused:  # Else resume_writing() goes on: unread answers do not pile up.
            self._next()

    def _next(self) -> None:
        self.client.responded = False
        self._download = None
        self._enter(State.IDLE)
        try:
            self._intake.next()
        except Malformed as fault:
            self._malformed(fault)
            return
        self._advance()

    def _malformed(self, fault: Malformed) -> None:
        """Handles bytes that are not a request, or stopped being one within a body."""
        if self._state is State.SERVING:
            self._intake.fail(fault)
        else:
            self._refuse(fault)

    def _refuse(self, fault: Malformed) -> None:
        self._intake.broken = True
        self._shared.handler.refuse(self.client, fault)
        self._linger()

    def _linger(self) -> None:
        """Closes so that the response arrives: with unread bytes the kernel would send a reset."""
        if self._intake.exhausted:
            self.close()
            return
        self._enter(State.LINGERING)
        self._intake.discard()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _gone(self) -> None:
        """Cancels the request being served, because the client has left."""
        if self._state is State.SERVING:
            self._enter(State.CLOSED)
            if self.client.relay is not None:
                self.client.relay.abandon()
            if self._task is not None:
                # After the task's first step, so that every story starts at its beginning.
                self._loop.call_soon(self._task.cancel)
            self._transport.abort()


def _slow_head(seconds: float) -> Malformed:
    return Malformed(408, f"The head did not come within {seconds:g} s.", "slow_head")


def _crowded() -> Malformed:
    message = "Too many requests came only in part: send it again, at once."
    return Malformed(503, message, "heads", retry_after=1)
