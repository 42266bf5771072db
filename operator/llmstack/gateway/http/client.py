"""What does the story of a request see of its client? The request, and where the response goes."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from llmstack.gateway.http import forward
from llmstack.gateway.http.answer import Answer
from llmstack.gateway.http.body import Received
from llmstack.gateway.http.head import RequestHead, ResponseHead
from llmstack.gateway.http.intake import Intake
from llmstack.gateway.http.old import Unchunked
from llmstack.gateway.http.relay import Relay, Sink
from llmstack.gateway.http.shared import Shared

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Waiting(Sink, Protocol):
    """A stream that waits for its replica, in place of its client (early.py)."""

    begun: bool

    def tick(self, now: float) -> None:
        """Is called once per tick, until the replica responds."""
        ...

    def dress(self, head: ResponseHead) -> bytes:
        """Takes the replica's head. Returns the bytes that the client gets for it."""
        ...


class Client:
    """The client of one connection. Its requests are answered one after the other.

    relay       the relay that carries a replica's response at present, or None
    early       what keeps a waiting stream alive (early.py), or None
    paused      True while too much of the response is unread
    responded   True once the response has begun
    why_gone    the log's reason if the request ends without a response
    """

    __slots__ = (
        "_closes",
        "_intake",
        "_shared",
        "_unchunk",
        "early",
        "paused",
        "relay",
        "responded",
        "transport",
        "why_gone",
    )

    def __init__(self, shared: Shared, intake: Intake) -> None:
        self._shared = shared
        self._intake = intake
        self._closes = False
        self._unchunk: Unchunked | None = None  # set if the client speaks HTTP/1.0
        self.transport: asyncio.Transport
        self.relay: Relay | None = None
        self.early: Waiting | None = None
        self.paused = False
        self.responded = False
        self.why_gone = "client_gone"

    @property
    def head(self) -> RequestHead:
        """The head of the request that is being served."""
        head = self._intake.reader.head
        assert head is not None
        return head

    @property
    def request(self) -> RequestHead | None:
        """The head of the current request, or None if it has not wholly come."""
        return self._intake.reader.head

    @property
    def keep(self) -> bool:
        """True if another request may follow this one on the connection."""
        intake = self._intake
        return (
            not (self._closes or intake.broken or self._shared.draining)
            and intake.reader.complete
            and self.head.keep_alive
        )

    def admit(self, tenant: str) -> Received | None:
        """Accepts the body on this tenant's account. Returns it if all of it is here, else None.

        Raises Malformed.
        """
        intake = self._intake
        intake.admit(tenant)
        return intake.received() if intake.reader.complete else None

    async def body(self) -> Received:
        """Returns the whole body of an admitted request once it has come. Raises Malformed."""
        intake = self._intake
        if self.head.expects and not intake.reader.complete:
            self._write(_CONTINUE)
        return await intake.body()

    def answer(self, what: Answer, ours: bytes) -> None:
        """Sends a response of the gateway itself. `ours` are its extra header lines."""
        head = self.request
        keep = head is not None and self.keep
        bodyless = head is not None and head.method == "HEAD"
        self._closes = not keep
        self.responded = True
        self._write(forward.answer(what, ours, keep, bodyless))

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """Sends a response's first bytes. Returns the function to call with the following ones."""
        self.say(first)
        # Chunks go straight to the transport, unless the client has just left.
        straight = self._unchunk is None and not self.transport.is_closing()
        return self.transport.write if straight else self._write

    def say(self, data: bytes) -> None:
        """Sends bytes of a response that do not come from a replica, such as its beginning."""
        if not self.responded:
            self.responded = True
            self._closes = not self.keep
            head = self.request
            self._unchunk = Unchunked() if head is not None and head.old else None
        self._write(data)

    def end_early(self, last: bytes | None) -> None:
        """Ends the response with these bytes, or, with None, breaks the connection off.

        With last bytes the body is complete as HTTP sees it. The connection then stays open if the
        head said so: the client may send its next request before it would see a close.
        """
        if last is None:
            self._closes = True
            self.transport.abort()
        else:
            self._write(last)

    def _write(self, data: bytes) -> None:
        # A story may take one more step after its client left, and uvloop raises if it is closed.
        if not self.transport.is_closing():
            self.transport.write(data if self._unchunk is None else self._unchunk(data))
