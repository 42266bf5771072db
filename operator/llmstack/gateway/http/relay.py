"""What happens between sending a request to a replica and the last byte at its client?

    send ─> head, withheld ─> first bytes ─> begun: what comes passes ─> over
                 └── a fault: the client saw nothing, another replica may serve it
                                                  └── a fault: the client is told

The head waits for the first bytes of the body, so that a replica may still die between the two
without the client seeing it. After that, only passing.py runs per chunk. An error's body is awaited
completely and rewritten in the gateway's words.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from llmstack.engines.for_gateway import REPLICA
from llmstack.gateway.http.answer import JSON, no_events, of_replica, sse_answer
from llmstack.gateway.http.faults import (
    CutOff,
    Forgotten,
    Loading,
    Locked,
    ReplicaFault,
    Unanswered,
)
from llmstack.gateway.http.framing import Chunked, Framing, Garbage, Length, UntilClose
from llmstack.gateway.http.head import END, ResponseHead
from llmstack.gateway.http.parse import parse_response
from llmstack.gateway.http.passing import KEEP, Passing
from llmstack.gateway.http.shapes import shaped
from llmstack.gateway.http.upstream import Upstream

_MOST_HEAD = 64 * 1024
_MOST_ERROR = 64 * 1024
"""Bytes of an error that are waited for; the rest is not read."""
_MOST_INTERIM = 10_000
"""Interim heads (100 Continue and the like) before the response's own."""
_REFUSALS = (401, 403)
_JSON = (b"content-type", JSON)
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Sink(Protocol):
    """The client side of a relay."""

    relay: "Relay | None"

    @property
    def paused(self) -> bool:
        """True while too much of the response is unread."""
        ...

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """Sends the response's first bytes. Returns the function that takes the following ones."""
        ...

    def end_early(self, last: bytes | None) -> None:
        """Ends the response with these bytes, or, with None, breaks the connection off."""
        ...


class Relay:
    """One request at one replica. `over` is done when the response has passed or a fault is set.

    `path` is the request's path, which decides the shape of errors. `origin` is the model and the
    replica, for keeping track of when that replica last sent something. `opening` is the beginning
    of the body, framing included; in an event stream it contains the id. Faults are ReplicaFaults.
    """

    _buffer = b""
    _interim = 0
    _silent = True
    _head: ResponseHead | None = None
    _framing: Framing | None = None
    _withheld = b""
    _passing: Passing | None = None
    _seen = -1
    _seen_at = 0.0
    beginning = b""
    opening = b""
    first_byte = 0.0

    def __init__(
        self,
        upstream: Upstream,
        client: Sink,
        dress: Callable[[ResponseHead], bytes],
        origin: tuple[str, str],
        path: str,
    ) -> None:
        self._upstream = upstream
        self._client = client
        self._dress = dress
        self.origin = origin
        self._path = path
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, head: bytes, body: bytes | bytearray) -> None:
        """Sends the request. `over` reports the rest."""
        upstream, transport = self._upstream, self._upstream.transport
        upstream.user = self
        self._client.relay = self
        if len(body) < _MOST_HEAD:
            transport.write(head + body)
        else:
            transport.writelines([head, body])

    def abandon(self, ended: Callable[[], None] | None = None) -> None:
        """Ends the request at the replica, because the client has left.

        The replica sees it at once, unless its response had just ended. `ended` is called once the
        replica has ended it too.
        """
        self._client.relay = None
        if not self.whole:  # Otherwise the connection may already serve others.
            self._upstream.leave(ended)
        elif ended is not None:
            ended()

    def forgotten(self, seconds: float) -> None:
        """Fails a request that the replica has not shown for `seconds`, if nothing of it came.

        Does nothing while a part of the request is still to be sent.
        """
        unsent = self._upstream.transport.get_write_buffer_size()
        if self._passing is None and not self.over.done() and not unsent:
            self._fail(Forgotten(f"dropped the request: no response within {seconds:g} s"))

    @property
    def whole(self) -> bool:
        """True if the whole response has passed."""
        over = self.over
        return over.done() and not over.cancelled() and over.exception() is None

    @property
    def status(self) -> int:
        """The status that the client saw; 0 if it saw none."""
        return self._head.status if self._head is not None and self.first_byte else 0

    @property
    def passed(self) -> int:
        """Bytes of the body that have passed, framing included."""
        return len(self._withheld) if self._passing is None else self._passing.passed

    @property
    def text(self) -> bytes:
        """The end of the body, preceded by its beginning unless it is an event stream."""
        if self._framing is None or self._head is None:
            return b""
        passed = self._withheld if self._passing is None else self._passing.tail
        beginning = b"" if self._head.events or self._passing is None else self.beginning
        return beginning + self._framing.payload(passed)[-KEEP:]

    def pause(self) -> None:
        """Stops reading from the replica: the client reads more slowly than it writes."""
        self._upstream.transport.pause_reading()

    def resume(self) -> None:
        self._upstream.transport.resume_reading()
        self._seen = -1

    def tick(self, now: float, idle_seconds: float) -> bool:
        """Returns True if bytes came since the last call; fails a response that has stalled.

        This starts at the first byte, since a prefill may take minutes. An error needs no
        computing, so its body is due at once.
        """
        head = self._head
        if head is None or (self._passing is None and not head.error):
            return False
        if self.passed != self._seen:
            self._seen, self._seen_at = self.passed, now
            return True
        if not self._client.paused and now - self._seen_at > idle_seconds:
            self._fault(f"sent nothing for {idle_seconds:g} s")
        return False

    def data_received(self, data: bytes) -> None:
        self._silent = False
        try:
            rest = self._take_head(data) if self._framing is None else data
            if rest is not None and self._framing is not None:
                self._take_first(self._framing, rest)
        except Garbage as error:
            self._fault(f"sent garbage: {error}")

    def ended(self, exc: Exception | None) -> None:
        """Ends the request or the response with the replica's connection."""
        self._upstream.over = True
        if self.over.done():
            return
        last = self._framing.closed() if self._framing is not None and exc is None else None
        if last is None:
            why = f"broke the connection ({exc})" if exc else "closed the connection"
            self._fault(f"{why} before its answer was complete")
        elif self._passing is None:
            self._withheld += last
            self._begin_whole()
        else:
            try:
                self._passing.write(last)
            except RuntimeError:  # See passing.py.
                self.unheard()
                return
            self.complete()

    def complete(self) -> None:
        """Ends the relay once the whole response has passed."""
        head, framing = self._head, self._framing
        if self.over.done():  # It was cancelled, but not abandoned yet.
            return
        assert head is not None and framing is not None
        self._client.relay = None
        if self._client.paused:
            self._upstream.transport.resume_reading()
        if self._passing is not None:
            self._upstream.transport.set_protocol(self._upstream)
        self._upstream.give_back(head.keep_alive and not framing.rest)
        self.over.set_result(None)

    def garbage(self, error: Garbage) -> None:
        """Fails the response, because what came after the first byte is not HTTP."""
        self._fault(f"sent garbage: {error}")

    def unheard(self) -> None:
        """Abandons the request, because the client left just before this piece could be written."""
        self.abandon()
        self.over.cancel()

    def _take_head(self, data: bytes) -> bytes | None:
        """Reads heads. Returns what came after the response's own, or None before its end."""
        data, begin = self._buffer + data, 0
        while (end := data.find(END, begin)) >= 0:
            head = parse_response(data[begin : end + len(END)])
            begin = end + len(END)
            if not head.interim:
                self._buffer = b""
                return data[begin:] if self._is_answer(head) else None
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Garbage("too many interim responses")
        self._buffer = data[begin:]
        if len(self._buffer) > _MOST_HEAD:
            raise Garbage("the head of its response is too long")
        return None

    def _is_answer(self, head: ResponseHead) -> bool:
        if head.status in _REFUSALS:
            self._fail(Locked("refused the gateway's key"))
            return False
        self._head, self._framing = head, _framing(head)
        return True

    def _take_first(self, framing: Framing, data: bytes) -> None:
        if data:
            self._withheld += framing.feed(data)
        if framing.done:
            self._begin_whole()
        elif self._head is not None and self._head.error:
            if len(self._withheld) > _MOST_ERROR:
                self._begin_error(self._head, framing)
        elif self._withheld:
            self._begin()

    def _begin_whole(self) -> None:
        """Begins a response whose whole body is here."""
        if self._head is not None and self._framing is not None and self._head.error:
            self._begin_error(self._head, self._framing)
        else:
            self._begin()

    def _begin_error(self, head: ResponseHead, framing: Framing) -> None:
        """Sends the replica's error in the gateway's words, whatever shape it had."""
        body = framing.payload(self._withheld)
        if REPLICA.is_loading(head.status, body):
            self._fail(Loading("is loading its model"))
            return
        answer = shaped(self._path, of_replica(head.status, body))
        self._head = ResponseHead(
            status=answer.status,
            fields=[*(each for each in head.fields if each[0] == b"retry-after"), _JSON],
            length=len(answer.body),
            until_close=False,
            keep_alive=head.keep_alive and framing.done and not framing.rest,
            events=False,
        )
        self._framing = Length(len(answer.body))
        self._withheld = self._framing.feed(answer.body)
        self._begin()

    def _begin(self) -> None:
        head, framing = self._head, self._framing
        assert head is not None and framing is not None
        self.first_byte = time.monotonic()
        self.opening = self._withheld
        if not head.events:
            self.beginning = framing.payload(self._withheld)[:KEEP]
        write = self._client.begin(self._dress(head) + self._withheld)
        if framing.done:
            self.complete()
            return
        self._passing = Passing(self, framing, write, self._withheld)
        self._upstream.transport.set_protocol(self._passing)
        if self._client.paused:
            self.pause()

    def _fault(self, why: str) -> None:
        if self.over.done():
            return
        if self._passing is None:
            self._fail(Unanswered(why, self._silent))
            return
        self._client.end_early(self._last_words(self._passing, why))
        self._fail(CutOff(why))

    def _fail(self, fault: ReplicaFault) -> None:
        self._client.relay = None
        self.over.set_exception(fault)

    def _last_words(self, passing: Passing, why: str) -> bytes | None:
        """Returns an event that says why and ends the stream, or None for a plain body."""
        framing, head = self._framing, self._head
        if framing is None or head is None or not head.events:
            return None
        event = sse_answer(shaped(self._path, no_events(why)))
        whole = framing.payload(passing.tail)[-4:].endswith(_EVENT_ENDS)
        return framing.ending(event if whole else b"\n\n" + event)


def _framing(head: ResponseHead) -> Framing:
    if head.until_close:
        return UntilClose()
    return Chunked() if head.length is None else Length(head.length)
