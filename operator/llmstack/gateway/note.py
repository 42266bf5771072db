"""What is known of a request so far? Becomes its Outcome, whatever happens to it."""

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
    """An answer of ours that was made of several of replicas'. As of a Relay."""

    status: int
    first_byte: float
    passed: int
    text: bytes


class Note:
    """One request's story, written while it happens."""

    __slots__ = (
        "arrived",
        "bytes_in",
        "code",
        "hit",
        "id",
        "method",
        "model",
        "path",
        "queued",
        "relay",
        "replica",
        "status",
        "stream",
        "tenant",
        "tries",
        "whole",
    )

    def __init__(self, head: RequestHead | None) -> None:
        self.id = (head.id if head is not None else b"") or _new_id()
        self.method = head.method if head is not None else ""
        self.path = route(head.path).path if head is not None else ""
        self.arrived = time.monotonic()
        self.status = 0
        self.code = ""
        self.tenant = ""
        self.model = ""
        self.replica = ""
        self.stream = False
        self.queued = 0.0
        self.bytes_in = 0
        self.tries = 0
        self.hit = 0.0
        self.relay: Relay | None = None
        self.whole: Whole | None = None

    def outcome(self, answered: int) -> Outcome:
        """The request has ended; an answer of our own had so many bytes."""
        relay = self.whole or self.relay
        seen = relay is not None and relay.first_byte > 0
        return Outcome(
            id=self.id.decode("ascii"),
            method=self.method,
            path=self.path,
            status=self.status or (relay.status if relay is not None and seen else 0),
            code=self.code,
            tenant=self.tenant,
            model=self.model,
            replica=self.replica,
            stream=self.stream,
            queued=self.queued,
            first_byte=relay.first_byte - self.arrived if relay is not None and seen else 0.0,
            duration=time.monotonic() - self.arrived,
            bytes_in=self.bytes_in,
            bytes_out=relay.passed if relay is not None and seen else answered,
            tries=self.tries,
            hit=self.hit,
            text=relay.text if relay is not None and seen else b"",
        )


def _new_id() -> bytes:
    """Unique without asking the kernel for each request."""
    return b"%b-%x" % (_process, next(_numbers))
