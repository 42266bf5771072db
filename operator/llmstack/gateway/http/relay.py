"""What happens between a request at a replica and the last byte at its client?

    send ─> head, withheld ─> first bytes ─> begun: what comes passes ─> over
                 └── a fault: nothing was seen, another replica may serve it
                                                  └── a fault: the client is told

The head waits for the first bytes of the body: a replica that dies between the two is not yet seen.
From there on nothing runs per chunk but what is in passing.py. Of an error the whole body is
awaited, and told in our words.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from llmstack.gateway.http.faults import (
    CutOff,
    Forgotten,
    Loading,
    Locked,
    ReplicaFault,
    Unanswered,
)
from llmstack.gateway.http.framing import Chunked, Framing, Garbage, Length, UntilClose
from llmstack.gateway.http.head import END, ResponseHead, parse_response
from llmstack.gateway.http.passing import KEEP, Passing
from llmstack.gateway.http.upstream import Upstream
from llmstack.gateway.refusals import JSON, no_events, of_replica, sse_answer
from llmstack.gateway.shapes import shaped

_MOST_HEAD = 64 * 1024
_MOST_ERROR = 64 * 1024
"""Bytes of an error that are waited for; what they say then is all that is read of it."""
_MOST_INTERIM = 10_000
"""Heads before that of the answer, 100 Continue and the like."""
_LOADING = b"Loading model"
_REFUSALS = (401, 403)
_JSON = (b"content-type", JSON)
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Sink(Protocol):
    """Where the response goes."""

    relay: "Relay | None"

    @property
    def paused(self) -> bool:
        """Is too much of the response still to be read?"""
        ...

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """The response's first bytes; those that follow go into what it gives."""
        ...

    def end_early(self, last: bytes | None) -> None:
        """No response can follow this one. None: not even this one is whole, and that shows."""
        ...


class Relay:
    """One request at one replica. `over` ends with the response, or raises a ReplicaFault.

    `path` is that of the request, by which errors have their shape. `origin` is the model and the
    replica, for whoever asks when that one last said something.
    `opening` is what came first of the body, framing included: an event stream's names its id.
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
        """Sends the request; `over` tells the rest."""
        upstream, transport = self._upstream, self._upstream.transport
        upstream.user = self
        self._client.relay = self
        if len(body) < _MOST_HEAD:
            transport.write(head + body)
        else:
            transport.writelines([head, body])

    def abandon(self, ended: Callable[[], None] | None = None) -> None:
        """The client has left: the replica sees it at once, unless its answer had just ended.

        `ended` is called once the replica has ended it, too.
        """
        self._client.relay = None
        if not self.whole:  # Else others may use the connection.
            self._upstream.leave(ended)
        elif ended is not None:
            ended()

    def forgotten(self, seconds: float) -> None:
        """The replica has shown no trace of it for so long: it ends, if nothing of it has come.

        Not while a part of the request is still to be sent.
        """
        unsent = self._upstream.transport.get_write_buffer_size()
        if self._passing is None and not self.over.done() and not unsent:
            self._fail(Forgotten(f"ended it, and sent no answer within {seconds:g} s"))

    @property
    def whole(self) -> bool:
        """Did the whole answer come?"""
        over = self.over
        return over.done() and not over.cancelled() and over.exception() is None

    @property
    def status(self) -> int:
        """As the client saw it; 0 if it saw none."""
        return self._head.status if self._head is not None and self.first_byte else 0

    @property
    def passed(self) -> int:
        """Bytes of the body that went on, framing included."""
        return len(self._withheld) if self._passing is None else self._passing.passed

    @property
    def text(self) -> bytes:
        """The body's end; of a body that is no stream, its beginning before."""
        if self._framing is None or self._head is None:
            return b""
        passed = self._withheld if self._passing is None else self._passing.tail
        beginning = b"" if self._head.events or self._passing is None else self.beginning
        return beginning + self._framing.payload(passed)[-KEEP:]

    def pause(self) -> None:
        """The client reads more slowly than the replica writes."""
        self._upstream.transport.pause_reading()

    def resume(self) -> None:
        self._upstream.transport.resume_reading()
        self._seen = -1

    def tick(self, now: float, idle_seconds: float) -> bool:
        """Notes whether bytes came; an answer that has fallen silent is ended.

        True if they did. Only after the first byte: until then a prefill may take minutes. An error
        computes nothing, so its body is due.
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
        """The replica's connection ended."""
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
            except RuntimeError:  # As in passing.py.
                self.unheard()
                return
            self.complete()

    def complete(self) -> None:
        """The whole response has passed."""
        head, framing = self._head, self._framing
        if self.over.done():  # Cancelled, and not yet abandoned.
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
        """What came after the first byte is no HTTP."""
        self._fault(f"sent garbage: {error}")

    def unheard(self) -> None:
        """The client left in the moment in which this came: its story ends as for all who leave."""
        self.abandon()
        self.over.cancel()

    def _take_head(self, data: bytes) -> bytes | None:
        """Gives what came after the head, once that is whole."""
        data, begin = self._buffer + data, 0
        while (end := data.find(END, begin)) >= 0:
            head = parse_response(data[begin : end + len(END)])
            begin = end + len(END)
            if not head.interim:
                self._buffer = b""
                return data[begin:] if self._is_answer(head) else None
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Garbage("its answer does not begin")
        self._buffer = data[begin:]
        if len(self._buffer) > _MOST_HEAD:
            raise Garbage("the head of its answer does not end")
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
        """The whole body is here."""
        if self._head is not None and self._framing is not None and self._head.error:
            self._begin_error(self._head, self._framing)
        else:
            self._begin()

    def _begin_error(self, head: ResponseHead, framing: Framing) -> None:
        """The client gets our words for it, whatever the shape of the replica's."""
        body = framing.payload(self._withheld)
        if head.status == 503 and _LOADING in body:
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
        """An event stream ends with an event that says why; a plain body cannot."""
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
