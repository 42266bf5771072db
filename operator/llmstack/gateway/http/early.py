"""What does a client get while its stream waits for a replica, a slot or a long prefill?

    waits ── `after` seconds ──> head, comments ── its replica responds ──> the response
      │                                └── it will not be served ──> an error event
      └── its replica responds, or it is refused: as if this module did not exist

Proxies and browsers cut idle connections. Clients ignore SSE comments, so these keep a connection
alive. Nothing is sent in the first seconds, because a status says more than an event: official
clients decide by it whether to retry.
"""

from collections.abc import Callable
from typing import Protocol

from llmstack.gateway.http.answer import Answer, answered_with, no_events, sse_answer
from llmstack.gateway.http.client import Client
from llmstack.gateway.http.forward import events_head
from llmstack.gateway.http.framing import LAST, chunk, unchunk
from llmstack.gateway.http.head import ResponseHead
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.shapes import shaped

_COMMENT = chunk(b": waiting\n\n")
_MOST = 64 * 1024
"""Bytes kept of a response that is not an event stream; errors are not longer."""


class Told(Protocol):
    """The part of a request's record that is needed here: its path, and the status sent."""

    status: int

    @property
    def path(self) -> str:
        """The path of the request, which decides the format of its errors."""
        ...


class Early:
    """One request's stream. It takes the place of the client for the relay.

    `begun` is True once the client has its head. `ours` are the gateway's header lines in it.
    """

    __slots__ = (
        "_after",
        "_answer",
        "_client",
        "_collected",
        "_heard",
        "_note",
        "_ours",
        "_silent_since",
        "begun",
    )

    def __init__(self, client: Client, note: Told, ours: bytes, after: float) -> None:
        self._client = client
        self._note = note
        self._ours = ours
        self._after = after
        self._silent_since = 0.0
        self._answer: ResponseHead | None = None
        self._collected = b""
        self._heard = False
        self.begun = False

    # What the connection calls

    def tick(self, now: float) -> None:
        """Is called once per tick. Does nothing once the replica has responded."""
        if self._heard:
            return
        if not self._silent_since:
            self._silent_since = now
        elif now - self._silent_since >= self._after:
            self._silent_since = now
            self._speak()

    def _speak(self) -> None:
        if self.begun:
            self._client.say(_COMMENT)
            return
        self.begun = True
        self._note.status = 200
        self._client.say(events_head(self._ours, self._client.keep) + _COMMENT)

    # What the relay calls

    @property
    def relay(self) -> Relay | None:
        return self._client.relay

    @relay.setter
    def relay(self, relay: Relay | None) -> None:
        self._client.relay = relay

    @property
    def paused(self) -> bool:
        return self._client.paused

    def dress(self, head: ResponseHead) -> bytes:
        """Takes the replica's head. Returns no bytes, because the client already has a head."""
        self._answer = head
        return b""

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """Passes an event stream on. Anything else is kept, to be sent as an error event.

        If the client has no head yet, everything passes.
        """
        self._heard = True
        if not self.begun:
            return self._client.begin(first)
        head = self._answer
        assert head is not None
        if head.status == 200 and head.events and head.length is None:
            return self._client.begin(first)
        write = self._in_chunks if head.status == 200 and head.events else self._collect
        write(first)
        return write

    def end_early(self, last: bytes | None) -> None:
        """Ends a response that broke off. What was not an event stream ends with an error event."""
        if not self.begun:
            self._client.end_early(last)
            return
        answer = shaped(self._note.path, no_events("broke its answer off"))
        self._client.end_early(last or closing(answer))

    # What the story calls

    def refused(self) -> Answer | None:
        """Returns what to send instead of a complete response, or None if that has passed."""
        head = self._answer
        if head is None or (head.status == 200 and head.events):
            if head is not None and head.length is not None:
                self._client.say(LAST)
            return None
        body = self._collected if head.length is not None else unchunk(self._collected)
        if head.status < 400:
            return no_events(f"answered with {head.status} and no event stream")
        return answered_with(head.status, body)

    def _collect(self, data: bytes) -> None:
        if len(self._collected) < _MOST:
            self._collected += data

    def _in_chunks(self, data: bytes) -> None:
        if data:
            self._client.say(chunk(data))


def closing(answer: Answer) -> bytes:
    """Returns the last bytes of a stream that ends with this error."""
    return chunk(sse_answer(answer)) + LAST
