"""What has a client sent, how much of it is held, and for which tenant?

bytes ─> reader: head, body, what came ahead ─> holdings: is there room?
            └── admitted for a tenant: scanned as it comes (turns.py) ─> Received, or Malformed
"""

import asyncio
import logging

from llmstack.gateway.http.body import Body, Received
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.progress import Progress
from llmstack.gateway.http.reader import RequestReader
from llmstack.gateway.http.shared import Shared
from llmstack.scan.faults import NotJSON
from llmstack.scan.sight import SMALL

log = logging.getLogger(__name__)


class Intake:
    """The requests of one connection while they arrive.

    held     bytes counted against the holdings
    broken   True if no request can follow this one, because some bytes were dropped or malformed
    """

    __slots__ = (
        "_fault",
        "_in_turn",
        "_shared",
        "_tenant",
        "_upload",
        "_wanted",
        "broken",
        "held",
        "reader",
    )

    def __init__(self, shared: Shared) -> None:
        self.reader = RequestReader(shared.limits, shared.takes_form)
        self.held = 0
        self.broken = False
        self._shared = shared
        self._tenant: str | None = None  # set once the body is wanted; it is not scanned before
        self._wanted: asyncio.Future[None] | None = None
        self._fault: Malformed | None = None
        self._upload: Progress | None = None
        self._in_turn = False

    @property
    def exhausted(self) -> bool:
        """True if everything that came was used. Unread bytes would make the kernel reset."""
        return self.reader.complete and not (self.reader.ahead or self.broken)

    def feed(self, data: bytes) -> None:
        """Takes bytes that came. Raises Malformed, after which nothing more may be fed."""
        self.reader.feed(data)
        self._hold()

    def admit(self, tenant: str) -> None:
        """Counts what comes for this tenant from now on. Raises Malformed if there is no room."""
        shared, reader = self._shared, self.reader
        if not shared.holdings.admit(tenant, self.held):
            raise _no_room()
        self._tenant = tenant
        if not reader.complete:
            size, head = len(reader.body.data), reader.head
            length = (head.length if head is not None else None) or 0
            if not shared.holdings.has_room(tenant, length - size):
                raise _no_room()
            limits = shared.limits
            now = asyncio.get_running_loop().time()
            self._upload = Progress(limits.body_seconds, limits.body_rate, now, size)

    def received(self) -> Received | None:
        """Returns the body if it is wholly scanned, else goes on scanning. Raises Malformed."""
        body = self.reader.body
        if self._fault is not None or not body.is_read():
            self.look_on()
            if self._fault is not None:
                raise self._fault
        return None if body.outline is None else Received(body.data, body.outline, body.file)

    async def body(self) -> Received:
        """Waits for the whole body of an admitted request, and its scan. Raises Malformed."""
        while (received := self.received()) is None:
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        return received

    def look_on(self) -> None:
        """Scans what has come of a wanted body: a small one now, a large one in turn."""
        body = self.reader.body
        if body.whole:
            self._upload = None
        if self._tenant is None or self._in_turn or body.outline is not None:
            return
        if body.whole and len(body.data) <= SMALL:
            self._in_turn = self.look()
        else:
            self._in_turn = body.behind
        if self._in_turn:
            self._shared.turns.add(self)

    def look(self) -> bool:
        """Scans a piece of the body. Returns True if there is another one."""
        more = False
        if self._tenant is not None and self._fault is None:
            try:
                body = self.reader.body
                more = body.look()
                if more or self.held != len(body.data):  # A body read at sight takes no more.
                    self._hold()
            except NotJSON as fault:  # Once the body has wholly come, a request may follow.
                self._fault = Malformed(400, fault.message, "invalid_request")
                self._wake()
            except Malformed as fault:
                self.fail(fault)
            except Exception:
                log.exception("failed to scan a body")
                self.fail(Malformed(500, "The gateway could not read this body.", "internal"))
            if self.reader.body.outline is not None:
                self._wake()
        self._in_turn = more
        return more

    def fail(self, fault: Malformed) -> None:
        """Records that what came is not a request, or stopped being one within its body."""
        self._fault = fault
        self.broken = True
        self._wake()

    def slow(self, now: float) -> Malformed | None:
        """Returns the fault of a body that comes too slowly, or None."""
        upload, limits = self._upload, self._shared.limits
        if upload is None or not upload.is_late(now, len(self.reader.body.data)):
            return None
        credit, rate = f"{limits.body_seconds:g}", limits.body_rate
        return Malformed(
            408, f"The body lags {credit} s behind a pace of {rate} bytes a second.", "slow_body"
        )

    def next(self) -> None:
        """Goes on to the next request, which may have come already. Raises Malformed."""
        self.forget()
        self.reader.next()
        if self.reader.begun:
            self._hold()

    def discard(self) -> None:
        """Drops everything that has come, because none of it will be used."""
        self.reader.discard()
        self.reader.body = Body()
        self.forget()

    def forget(self) -> None:
        """Gives back all memory counted for the request."""
        if self._tenant is not None:
            self._shared.holdings.end(self._tenant, self.held)
        else:
            self._shared.holdings.give_back(None, self.held)
        self.held, self._tenant, self._upload = 0, None, None
        self._fault = self._wanted = None

    def _hold(self) -> None:
        """Updates the count of held bytes, and bounds what came ahead of its turn."""
        shared, reader = self._shared, self.reader
        if reader.ahead > shared.limits.pipelined:
            # Go on reading, and drop it: otherwise the client's leaving would go unnoticed.
            reader.discard()
            self.broken = True
        held = reader.held
        if held > self.held and not shared.holdings.take(self._tenant, held - self.held):
            raise _no_room()
        if held < self.held:
            shared.holdings.give_back(self._tenant, self.held - held)
        self.held = held

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


def _no_room() -> Malformed:
    message = "The gateway holds too much of what this tenant has sent: send it again."
    return Malformed(503, message, "bodies", retry_after=1)
