"""What does the story of a request see of its client? The request, and where the answer goes."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmstack.gateway.http import forward
from llmstack.gateway.http.body import Received
from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.http.intake import Intake
from llmstack.gateway.http.old import Unchunked
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.shared import Shared
from llmstack.gateway.refusals import Answer

if TYPE_CHECKING:
    from llmstack.gateway.early import Early

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Client:
    """One connection's client. Its requests are answered one after the other.

    relay       carries the response of a replica at present
    early       tells a stream that it waits
    paused      too much of the response is still to be read
    responded   the response has begun
    why_gone    why the request ended, where it was not answered
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
        self._unchunk: Unchunked | None = None  # where the response goes to a client of HTTP/1.0
        self.transport: asyncio.Transport
        self.relay: Relay | None = None
        self.early: Early | None = None
        self.paused = False
        self.responded = False
        self.why_gone = "client_gone"

    @property
    def head(self) -> RequestHead:
        """The request that is served."""
        head = self._intake.reader.head
        assert head is not None
        return head

    @property
    def request(self) -> RequestHead | None:
        """The request that was read so far, if its head was."""
        return self._intake.reader.head

    @property
    def keep(self) -> bool:
        """Whether another request may follow this one."""
        intake = self._intake
        return (
            not (self._closes or intake.broken or self._shared.draining)
            and intake.reader.complete
            and self.head.keep_alive
        )

    def admit(self, tenant: str) -> Received | None:
        """Takes the body from this tenant. Gives it if all of it is here. Raises Malformed."""
        intake = self._intake
        intake.admit(tenant)
        return intake.received() if intake.reader.complete else None

    async def body(self) -> Received:
        """The whole body of a request that was admitted. Raises Malformed."""
        intake = self._intake
        if self.head.expects and not intake.reader.complete:
            self._write(_CONTINUE)
        return await intake.body()

    def answer(self, what: Answer, ours: bytes) -> None:
        """A response of our own, with these lines."""
        head = self.request
        keep = head is not None and self.keep
        bodyless = head is not None and head.method == "HEAD"
        self._closes = not keep
        self.responded = True
        self._write(forward.answer(what, ours, keep, bodyless))

    def begin(self, first: bytes) -> Callable[[bytes], None]:
        """The first bytes of a response; those that follow go into what it gives."""
        self.say(first)
        # Each chunk goes straight to the transport, but for a client that has just left.
        straight = self._unchunk is None and not self.transport.is_closing()
        return self.transport.write if straight else self._write

    def say(self, data: bytes) -> None:
        """Bytes of a response that are not a replica's: its beginning, or more of it."""
        if not self.responded:
            self.responded = True
            self._closes = not self.keep
            head = self.request
            self._unchunk = Unchunked() if head is not None and head.old else None
        self._write(data)

    def end_early(self, last: bytes | None) -> None:
        """The response ends with these bytes, or breaks off.

        With them its body is whole as HTTP sees it, so the connection serves on as its head said:
        a client may send its next request before it sees that the connection was closed.
        """
        if last is None:
            self._closes = True
            self.transport.abort()
        else:
            self._write(last)

    def _write(self, data: bytes) -> None:
        # A story takes a step more after its client has left, and uvloop raises on what is closed.
        if not self.transport.is_closing():
            self.transport.write(data if self._unchunk is None else self._unchunk(data))
