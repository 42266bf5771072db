"""Does the ledger know all that a server does which shows leases, whatever happens when?

A server with slots that really are busy or idle, and requests of one to three tasks, behind delays:
a request takes time to arrive, to get its slots, to stop when it is cancelled; its client reads on
after the server has ended it; a poll is sent, looked at and heard of at three moments.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.lease import BEGUN_AFTER, Lease, SlotsSeen
from llmstack.routing.messages import Ending
from llmstack.routing.slots import Ledger

Action = Callable[[], None]
LONGEST = 700.0
"""Seconds that the largest number of requests may take, one after the other."""


class Request:
    """What the server knows of a lease: tasks without a slot, tasks in slots."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.entered = False
        self.waiting = 0
        self.busy = 0
        self.cancelled = False
        self.ended: float | None = None  # for its client, or for us

    @property
    def present(self) -> bool:
        return bool(self.waiting or self.busy)


class Server:
    """Grants whenever the ledger says that slots are free, as long as there are requests."""

    def __init__(self, total: int, rng: random.Random, requests: int, cancelled: float) -> None:
        self.rng = rng
        self.total = total
        self.ledger = Ledger("a", total, Counter())
        self.ledger.seen(SlotsSeen(0.0, total, 0, {}))
        self.cancelled = cancelled
        self.left = requests
        self.now = 0.0
        self.others = 0
        self.deferred = 0
        self.requests: dict[int, Request] = {}
        self.ids = itertools.count()
        self.events: list[tuple[float, int, Action]] = []

    @property
    def busy(self) -> int:
        return self.others + sum(request.busy for request in self.requests.values())

    def after(self, seconds: float, action: Action) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.ids), action))

    def run(self, until: float) -> None:
        self.offer()
        while self.events and self.events[0][0] <= until:
            self.now, _, action = heapq.heappop(self.events)
            action()
            self.check()
        self.now = until

    def check(self) -> None:
        """What the ledger counts is never less than what may be busy."""
        ledger = self.ledger
        held = sum(lease.held for lease in ledger.live.values())
        assert ledger.busy == held
        assert ledger.free == self.total - held - sum(doubt.slots for doubt in ledger.doubts)

    def offer(self) -> None:
        wanted = self.rng.randint(1, min(3, self.total))
        while self.left and self.ledger.free >= wanted:
            self.left -= 1
            self.request(wanted)

    def request(self, tasks: int) -> None:
        lease = Lease(next(self.ids), "t", tasks, self.now, self.ledger)
        self.ledger.take(lease)
        request = self.requests[lease.id] = Request(lease)
        arrives = self.rng.choice([0.001, 0.05, 0.9 * BEGUN_AFTER])
        self.after(arrives, lambda: self.enter(request))
        begins = arrives + self.rng.choice([0.0, 0.01, 3.0])  # tokenising, fetching
        lasts = self.rng.choice([0.01, 0.5, 5.0])
        last = 0.0
        for _ in range(tasks):
            start = begins + self.rng.choice([0.0, 0.0, 0.2])
            end = start + lasts * self.rng.uniform(0.2, 1.0)
            last = max(last, end)
            self.after(start, lambda: self.begin(request))
            self.after(end, lambda: self.end_task(request))
        self.after(begins + 0.25, lambda: self.first_byte(request))
        if self.rng.random() < self.cancelled:
            left = self.rng.uniform(0.0, last)
            self.after(left, lambda: self.release(request, Ending.CANCELLED))
            self.after(max(left, arrives) + self.rng.uniform(0, 1), lambda: self.cancel(request))
        else:
            reads = last + self.rng.choice([0.0, 0.01, 2.0, 20.0])
            self.after(max(reads, begins + 0.3), lambda: self.release(request, Ending.DONE))

    # What the server does

    def enter(self, request: Request) -> None:
        request.entered = True
        request.waiting = request.lease.slots

    def begin(self, request: Request) -> None:
        if request.waiting:
            request.waiting -= 1
            request.busy += 1
            self.deferred += self.busy > self.total

    def end_task(self, request: Request) -> None:
        if request.busy and not request.cancelled:
            request.busy -= 1

    def cancel(self, request: Request) -> None:
        """What waits goes at once; what computes ends with its step."""
        request.waiting, request.cancelled = 0, True
        steps = request.busy

        def stop() -> None:
            request.busy -= steps

        self.after(self.rng.choice([0.0, 0.3, 4.0]), stop)

    # What the gateway hears

    def first_byte(self, request: Request) -> None:
        lease = request.lease
        if lease.id in self.ledger.live and request.entered and not request.waiting:
            lease.begun, lease.answered = min(lease.begun, self.now), True

    def release(self, request: Request, ending: Ending) -> None:
        if ending is Ending.DONE and request.present:
            self.after(0.1, lambda: self.release(request, ending))
            return
        request.ended = self.now
        self.ledger.end(request.lease, ending, self.now)
        self.offer()

    def poll(self) -> None:
        """Asked now, looked at later, heard of later still."""
        began = self.now
        looked, heard = sorted(self.rng.uniform(0, 0.05) for _ in range(2))

        def look() -> None:
            shown = {id: r.busy for id, r in self.requests.items() if r.busy}
            waiting = frozenset(id for id, r in self.requests.items() if r.waiting)
            gone = {id for id, r in self.requests.items() if r.entered and not r.present}
            seen = SlotsSeen(began, self.total, self.busy, shown, waiting)
            self.after(heard - looked, lambda: hear(seen, gone))

        def hear(seen: SlotsSeen, gone: set[int]) -> None:
            others = self.ledger.foreign
            self.ledger.seen(seen)
            self.check_freed(seen, gone)
            assert self.ledger.foreign == others == 0
            self.offer()
            self.after(self.rng.choice([0.005, 0.02, 0.2, 1.0]), self.poll)

        self.after(looked, look)

    def check_freed(self, seen: SlotsSeen, gone: set[int]) -> None:
        """The first poll after the server let go frees a lease that has ended."""
        kept = {doubt.lease for doubt in self.ledger.doubts}
        for id in gone:
            request = self.requests[id]
            if request.ended is not None:
                sure = max(request.ended, request.lease.granted + BEGUN_AFTER)
                assert id not in kept or seen.began <= sure
            elif request.lease.begun < seen.began:
                assert not request.lease.held


servers = st.builds(
    Server,
    total=st.integers(1, 4),
    rng=st.integers(0, 2**32).map(random.Random),
    requests=st.integers(1, 40),
    cancelled=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(servers)
def test_no_request_is_ever_deferred_and_what_ends_is_free_at_the_next_poll(server: Server) -> None:
    server.poll()
    server.run(until=LONGEST)
    assert server.deferred == 0
    assert server.left == 0
    assert server.ledger.free == server.total
    assert not server.ledger.doubts


@settings(max_examples=40, deadline=None)
@given(servers, st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_what_others_use_is_known_exactly(server: Server, others: list[int]) -> None:
    """Whatever of ours runs, drains or is read on meanwhile."""
    server.offer()
    for number in others:
        server.run(server.now + 0.7)
        ours = {id: r.busy for id, r in server.requests.items() if r.busy}
        waiting = frozenset(id for id, r in server.requests.items() if r.waiting)
        busy = sum(ours.values()) + number
        server.ledger.seen(SlotsSeen(server.now, server.total, busy, ours, waiting))
        assert server.ledger.foreign == number
        server.others = number
