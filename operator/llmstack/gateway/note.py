"""What is known of a request so far? Once it has ended, this is its Outcome."""

import itertools
import os
import time
from typing import NamedTuple

from llmstack.gateway.http.head import RequestHead
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.paths import route

_process = os.urandom(6).hex().encode("ascii")
_numbers = itertools.count(1)


class Whole(NamedTuple):
    """A response merged from those of several replicas. The fields are as in Relay."""

    status: int
    first_byte: float
    passed: int
    text: bytes


class Note(Outcome):
    """One request's record, written while it happens, and its Outcome in the end."""

    relay: Relay | None = None
    whole: Whole | None = None

    def __init__(self, head: RequestHead | None) -> None:
        # Unknown values come from Outcome's class defaults, which cost nothing.
        self.arrived = time.monotonic()
        self.id = (head.id if head is not None else b"") or _new_id()
        self.method = head.method if head is not None else ""
        self.path = route(head.path).path if head is not None else ""
        self.status = 0

    def outcome(self, answered: int) -> Outcome:
        """Completes the record. `answered` is the size of a response of the gateway's own."""
        relay = self.whole or self.relay
        self.duration = time.monotonic() - self.arrived
        self.bytes_out = answered
        if relay is not None and relay.first_byte > 0:
            self.status = self.status or relay.status
            self.first_byte = relay.first_byte - self.arrived
            self.bytes_out = relay.passed
            self.text = relay.text
        self.relay = self.whole = None
        return self


def _new_id() -> bytes:
    """Returns an id that is unique, without asking the kernel for random bytes each time."""
    return b"%b-%x" % (_process, next(_numbers))
