"""What does a client's connection go through?

    idle ─ first byte ─> reading ─ head ─> serving ─ answered ─> idle | lingering ─> closed
                            └─ malformed ────────────────────────────────┘
      any ─ FIN, RST ─> gone: the request that is served is cancelled

While a request is served its connection is read on: only so is a FIN seen.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

from llmstack.gateway.early import Early
from llmstack.gateway.http import forward
from llmstack.gateway.http.body import Body, Received
from llmstack.gateway.http.head import Malformed, RequestHead
from llmstack.gateway.http.limits import Limits
from llmstack.gateway.http.progress import Progress
from llmstack.gateway.http.reader import RequestReader
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.shared import Shared
from llmstack.gateway.refusals import Answer
from llmstack.scan.faults import NotJSON
from llmstack.scan.sight import SMALL

log = logging.getLogger(__name__)

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_MOST_REFUSED = 100
"""Connections above the limit that are told so; what is more is reset."""


class State(Enum):
    """Where is it?"""

    IDLE = auto()
    READING = auto()
    SERVING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Connection(asyncio.Protocol):
    """One client. Its requests are served one after the other."""

    def __init__(self, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._loop = loop
        self._reader = RequestReader(shared.limits)
        self._state = State.IDLE
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._body: asyncio.Future[None] | None = None
        self._fault: Malformed | None = None
        self._held = 0
        self._tenant: str | None = None  # whose body is wanted: only then is it looked at
        self._upload: Progress | None = None
        self._in_turn = False
        self.responded = False
        self._close = False
        self._dropped = False
        self._transport: asyncio.Transport
        self._unread = 0
        self._looked = 0.0
        self._patience = shared.limits.stall_seconds
        self.relay: Relay | None = None
        self.early: Early | None = None
        self.paused = False
        self.why_gone = "client_gone"

    # What the story of a request uses

    @property
    def head(self) -> RequestHead:
        """The request that is served."""
        head = self._reader.head
        assert head is not None
        return head

    @property
    def request(self) -> RequestHead | None:
        """The request that was read so far, if its head was."""
        return self._reader.head

    @property
    def keep(self) -> bool:
        """May another request follow this one?"""
        return (
            not self._close
            and not self._shared.draining
            and self._reader.complete
            and self.head.keep_alive
        )

    async def body(self, tenant: str) -> Received:
        """The whole body, which this tenant sends. Raises Malformed."""
        self._admit(tenant)
        self._look_on()
        body = self._reader.body
        if body.outline is None and self._fault is None:
            if self.head.expects and not body.whole:
                self._write(_CONTINUE)
            self._body = self._loop.create_future()
            await self._body
        if self._fault is not None:
            raise self._fault
        assert body.outline is not None
        return Received(body.data, body.outline)

    def answer(self, what: Answer, ours: bytes) -> None:
        """A response of our own, with these lines."""
        head = self._reader.head
        keep = head is not None and self.keep
        bodyless = head is not None and head.method == "HEAD"
        self._close = not keep
        self.responded = True
        self._write(forward.answer(what, ours, keep, bodyless))

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """The first bytes of a response; those that follow go into what it gives."""
        self.responded = True
        self._close = not self.keep
        self._write(first)
        # Each chunk goes straight to the transport, but for a client that has just left.
        return self._write if self._transport.is_closing() else self._transport.write

    def say(self, data: bytes) -> None:
        """Bytes of a response that are not a replica's: its beginning, or more of it."""
        if not self.responded:
            self.responded = True
            self._close = not self.keep
        self._write(data)

    def end_early(self, last: bytes | None) -> None:
        """The response ends with these bytes, or breaks off.

        With them its body is whole as HTTP sees it, so the connection serves on as its head said:
        a client may send its next request before it sees that the connection was closed.
        """
        if last is None:
            self._close = True
            self._transport.abort()
        else:
            self._write(last)

    def _write(self, data: bytes) -> None:
        # A story takes a step more after its client has left, and uvloop raises on what is closed.
        if not self._transport.is_closing():
            self._transport.write(data)

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
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
            self._reader.feed(data)
            self._hold()
        except Malformed as fault:
            self._malformed(fault)
            return
        self._advance()
        if self._state is State.READING:
            self._shared.lobby.reads(self, self._held)

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self._state = State.CLOSED
        self._shared.lobby.leave(self)
        self._forget()
        self._shared.left(self)

    def pause_writing(self) -> None:
        self.paused = True
        self._since = self._looked = self._loop.time()
        self._unread = self._transport.get_write_buffer_size()
        if self.relay is not None:
            self.relay.pause()

    def resume_writing(self) -> None:
        self.paused = False
        self._since = self._loop.time()
        self._see_progress(self._since)
        if self.relay is not None:
            self.relay.resume()
        elif self._task is None:
            self._served()

    # What the server calls

    def tick(self, now: float) -> None:
        """Ends what lasts too long."""
        limits, waited = self._shared.limits, now - self._since
        if self.paused:
            self._tick_stalled(now)
            return
        match self._state:
            case State.IDLE:
                if waited > limits.idle_seconds:
                    self.close()
            case State.READING:
                if waited > limits.head_seconds:
                    self._refuse(_slow("head", limits.head_seconds))
            case State.SERVING:
                self._tick_request(now)
            case State.LINGERING:
                if waited > limits.linger_seconds:
                    self._transport.abort()
            case State.CLOSED:
                if waited > limits.stall_seconds:
                    self._transport.abort()

    def _tick_stalled(self, now: float) -> None:
        """A slow reader may take its time, one that hardly reads holds a slot for nobody."""
        self._see_progress(now)
        if self._patience < 0:
            self.abort("client_stalled")

    def _see_progress(self, now: float) -> None:
        """While the replica waits for its client, time costs patience and bytes bring it back."""
        limits, unread = self._shared.limits, self._transport.get_write_buffer_size()
        taken = max(0, self._unread - unread) / limits.read_rate
        waited, self._looked, self._unread = now - self._looked, now, unread
        self._patience = min(limits.stall_seconds, self._patience - waited + taken)

    def _tick_request(self, now: float) -> None:
        limits, reader, upload = self._shared.limits, self._reader, self._upload
        if upload is not None and upload.is_late(now, len(reader.body.data)):
            self._malformed(_slow_body(limits))
            return
        if self.early is not None:
            self.early.tick(now)
        if self.relay is not None and self.relay.tick(now, limits.answer_idle_seconds):
            self._shared.handler.heard(self.relay, now)

    def drain(self) -> None:
        """No further request; one that is served may end."""
        if self._state is State.IDLE:
            self.close()

    def evict(self) -> None:
        """Ends it to make room for others; what has come of a head is not answered otherwise."""
        if self._state is State.READING:
            self._shared.handler.refuse(self, _crowded())
        self.close()

    def close(self) -> None:
        """Ends it when what was written is out."""
        self._enter(State.CLOSED)
        self._transport.close()

    def abort(self, why: str) -> None:
        """Ends it now; a request that is served ends for this reason."""
        self.why_gone = why
        self._transport.abort()

    # How it goes from one state to the next

    def _enter(self, state: State) -> None:
        self._state = state
        if state is State.IDLE:
            self._shared.lobby.idles(self)
        elif state is not State.READING:
            self._shared.lobby.leave(self)
        self._since = self._loop.time()

    def _advance(self) -> None:
        """Goes on with what the reader has."""
        reader = self._reader
        if self._state is State.SERVING:
            self._look_on()
            if reader.complete:
                self._upload = None
        elif reader.head is not None:
            self._enter(State.SERVING)
            self._task = self._loop.create_task(self._serve())
        elif reader.begun and self._state is State.IDLE:
            self._enter(State.READING)

    async def _serve(self) -> None:
        try:
            await self._shared.handler.serve(self)
        except Exception:
            log.exception("a request was not answered")
        finally:
            self._task = None
            self._served()

    def _served(self) -> None:
        """The request was answered, or its client is gone."""
        self._body = self.early = None
        if self._state is not State.SERVING:
            return
        if not self.responded:
            self._transport.abort()
        elif self._close or not self.keep:
            self._linger()
        elif not self.paused:  # Else resume_writing() goes on: unread answers must not pile up.
            self._next()

    def _next(self) -> None:
        self.responded = False
        self._fault = None
        self._patience = self._shared.limits.stall_seconds
        self._forget()
        self._enter(State.IDLE)
        try:
            self._reader.next()
            if self._reader.begun:
                self._hold()
        except Malformed as fault:
            self._malformed(fault)
            return
        self._advance()

    def _hold(self) -> None:
        """Counts what is held of bodies, and bounds what came ahead of its turn."""
        shared, reader = self._shared, self._reader
        if reader.ahead > shared.limits.pipelined:
            # Read and forgotten: who stops reading does not see that a client leaves.
            reader.discard()
            self._close = self._dropped = True
        held = reader.held
        if held > self._held and not shared.holdings.take(self._tenant, held - self._held):
            raise _no_room()
        if held < self._held:
            shared.holdings.give_back(self._tenant, self._held - held)
        self._held = held

    def _admit(self, tenant: str) -> None:
        """What comes is this tenant's from now on. Raises Malformed: it has no room for it."""
        shared, reader = self._shared, self._reader
        if not shared.holdings.admit(tenant, self._held):
            raise _no_room()
        self._tenant = tenant
        if not reader.complete:
            size = len(reader.body.data)
            if not shared.holdings.has_room(tenant, (self.head.length or 0) - size):
                raise _no_room()
            limits = shared.limits
            now = self._loop.time()
            self._upload = Progress(limits.body_seconds, limits.body_rate, now, size)

    def _look_on(self) -> None:
        """Looks at what has come of the body, if that is wanted; at a large one in turn."""
        body = self._reader.body
        if self._tenant is None or self._in_turn or body.outline is not None:
            return
        if body.whole and len(body.data) <= SMALL:
            self._in_turn = self.look()
        else:
            self._in_turn = body.behind
        if self._in_turn:
            self._shared.turns.add(self)

    def look(self) -> bool:
        """Looks at a piece of the body. True if there is another one."""
        more = False
        if self._tenant is not None and self._fault is None:
            try:
                body = self._reader.body
                more = body.look()
                if more or self._held != len(body.data):  # Read at sight, it takes no more.
                    self._hold()
            except NotJSON as fault:  # If all of it has come, another request may follow.
                self._fault = Malformed(400, fault.message, "invalid_request")
                self._wake()
            except Malformed as fault:
                self._malformed(fault)
            if self._reader.body.outline is not None:
                self._wake()
        self._in_turn = more
        return more

    def _wake(self) -> None:
        if self._body is not None and not self._body.done():
            self._body.set_result(None)

    def _forget(self) -> None:
        """Nothing of the request is held any longer."""
        if self._tenant is not None:
            self._shared.holdings.end(self._tenant, self._held)
        else:
            self._shared.holdings.give_back(None, self._held)
        self._held, self._tenant, self._upload = 0, None, None

    def _malformed(self, fault: Malformed) -> None:
        """What came is no request, or ceased to be one while its body came."""
        self._close = True
        if self._state is not State.SERVING:
            self._refuse(fault)
            return
        self._fault = fault
        self._wake()

    def _refuse(self, fault: Malformed) -> None:
        self._close = True
        self._shared.handler.refuse(self, fault)
        self._linger()

    def _linger(self) -> None:
        """Closes so that the answer arrives: unread bytes would make the kernel reset it."""
        reader = self._reader
        if reader.complete and not (reader.ahead or self._fault or self._dropped):
            self.close()
            return
        self._enter(State.LINGERING)
        reader.discard()
        reader.body = Body()
        self._forget()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _gone(self) -> None:
        """The client has left."""
        if self._state is State.SERVING:
            self._enter(State.CLOSED)
            if self.relay is not None:
                self.relay.abandon()
            if self._task is not None:
                # After its first step, so that each story is told from its beginning.
                self._loop.call_soon(self._task.cancel)
            self._transport.abort()


def _slow(what: str, seconds: float) -> Malformed:
    return Malformed(408, f"The {what} did not come within {seconds:g} s.", f"slow_{what}")


def _slow_body(limits: Limits) -> Malformed:
    credit, rate = f"{limits.body_seconds:g}", limits.body_rate
    return Malformed(
        408, f"The body lags {credit} s behind a pace of {rate} bytes a second.", "slow_body"
    )


def _no_room() -> Malformed:
    message = "The gateway holds too much of what this tenant has sent: send it again."
    return Malformed(503, message, "bodies", retry_after=1)


def _crowded() -> Malformed:
    message = "Too many requests came only in part: send it again, at once."
    return Malformed(503, message, "heads", retry_after=1)
