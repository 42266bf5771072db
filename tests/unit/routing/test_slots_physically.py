"""Does the ledger ever give out a slot that computes, whatever happens when?

A server with slots that really are busy or idle, behind delays: a request takes time to begin, a
cancelled one to stop, the last bytes of an answer to arrive, a poll to be answered.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.messages import Ending
from llmstack.routing.slots import (
    ASSUME_POLLS,
    BEGUN_AFTER,
    SETTLED_AFTER,
    Lease,
    Ledger,
    SlotsSeen,
)

Action = Callable[[], None]

LONGEST = 400.0
"""Seconds that the largest number of requests may take, one after the other."""


class Server:
    """Grants whenever the ledger says that a slot is free, as long as there are requests."""

    def __init__(self, total: int, rng: random.Random, requests: int, cancelled: float) -> None:
        self.rng = rng
        self.total = total
        self.ledger = Ledger("a", total, Counter())
        self.ledger.seen(SlotsSeen(0.0, total, 0))
        self.cancelled = cancelled
        self.left = requests
        self.now = 0.0
        self.busy = 0
        self.deferred = 0
        self.ids = itertools.count()
        self.events: list[tuple[float, int, Action]] = []

    def after(self, seconds: float, action: Action) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.ids), action))

    def run(self, until: float) -> None:
        self.offer()
        while self.events and self.events[0][0] <= until:
            self.now, _, action = heapq.heappop(self.events)
            action()
        self.now = until

    def offer(self) -> None:
        while self.left and self.ledger.free > 0:
            self.left -= 1
            self.request()

    def request(self) -> None:
        """One request: sent, begun, prefilled, decoded, all heard of; or cancelled on the way."""
        lease = Lease(next(self.ids), "t", 1, self.now, self.ledger)
        self.ledger.take(lease)
        begins = self.rng.choice([0.001, 0.05, 0.9 * BEGUN_AFTER])
        prefill = begins + self.rng.choice([0.01, 0.5, 5.0])
        ends = prefill + self.rng.choice([0.0, 0.3, 3.0])
        self.after(begins, self.begin)
        self.after(prefill + 0.001, lambda: self.first_byte(lease))
        if self.rng.random() < self.cancelled:
            left = self.rng.uniform(0.0, ends)
            self.after(left, lambda: self.end(lease, Ending.CANCELLED))
            self.after(max(prefill, left) + 0.01, self.idle)
        else:
            self.after(ends, self.idle)
            late = self.rng.uniform(0.0, 0.9 * SETTLED_AFTER)
            self.after(ends + late, lambda: self.end(lease, Ending.DONE))

    def begin(self) -> None:
        self.busy += 1
        self.deferred += self.busy > self.total

    def idle(self) -> None:
        self.busy -= 1

    def first_byte(self, lease: Lease) -> None:
        if lease.id in self.ledger.live:
            lease.begun = self.now

    def end(self, lease: Lease, ending: Ending) -> None:
        self.ledger.end(lease, ending, self.now)
        self.offer()

    def poll(self) -> None:
        """Asked now, looked at later, heard of later still."""
        began = self.now
        looked, heard = sorted(self.rng.uniform(0, 0.05) for _ in range(2))

        def look() -> None:
            seen = SlotsSeen(began, self.total, min(self.busy, self.total))
            self.after(heard - looked, lambda: hear(seen))

        def hear(seen: SlotsSeen) -> None:
            self.ledger.seen(seen)
            self.offer()
            self.after(self.rng.choice([0.005, SETTLED_AFTER, 0.2, 1.0]), self.poll)

        self.after(looked, look)


servers = st.builds(
    Server,
    total=st.integers(1, 4),
    rng=st.integers(0, 2**32).map(random.Random),
    requests=st.integers(1, 40),
    cancelled=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)


@settings(max_examples=50, deadline=None)
@given(servers)
def test_no_request_is_ever_deferred(server: Server) -> None:
    server.poll()
    server.run(until=150.0)
    assert server.deferred == 0


@settings(max_examples=40, deadline=None)
@given(servers)
def test_every_request_is_served_and_every_slot_free_in_the_end(server: Server) -> None:
    server.poll()
    server.run(until=LONGEST + ASSUME_POLLS)
    assert server.left == 0
    assert server.ledger.free == server.total
    assert not server.ledger.doubts
