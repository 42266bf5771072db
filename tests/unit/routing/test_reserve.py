"""Who finds a slot beside a tenant that wants all of them?"""

import heapq
import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.budget import QueueLimits
from llmstack.routing.lease import SlotsSeen
from llmstack.routing.messages import NO_SLOTS, WHOLE, Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.reserve import ACTIVE_SECONDS
from tests.unit.routing.samples import Bench

RESERVE = QueueLimits(reserve=True, timeout=1000)


def held(bench: Bench, tenant: str, number: int) -> list[int]:
    """So many requests of one tenant; those that got slots."""
    asks = [bench.ask(tenant) for _ in range(number)]
    return [ask for ask in asks if bench.where(ask) not in ("waits", *Reason)]


class TestTheBound:
    """What one tenant may hold."""

    def test_alone_a_tenant_may_hold_all(self) -> None:
        assert len(held(Bench(4, 4, limits=RESERVE), "a", 9)) == 8

    @pytest.mark.parametrize(("others", "most"), [(1, 7), (3, 5), (7, 1), (20, 1)])
    def test_each_other_that_was_active_lowers_it_by_one(self, others: int, most: int) -> None:
        bench = Bench(4, 4, limits=RESERVE)
        for other in range(others):
            bench.end(bench.ask(f"other {other}"))
        assert len(held(bench, "a", 9)) == most

    def test_it_counts_the_slots_of_all_replicas_that_are_used(self) -> None:
        bench = Bench(4, 4, limits=RESERVE)
        bench.end(bench.ask("b"))
        bench.take(bench.pool.quarantine("b", True, bench.now))
        assert len(held(bench, "a", 9)) == 3

    def test_who_was_not_active_for_long_does_not_count(self) -> None:
        bench = Bench(4, limits=RESERVE)
        bench.end(bench.ask("b"))
        asks = held(bench, "a", 5)
        assert len(asks) == 3
        bench.now += ACTIVE_SECONDS + 1
        bench.poll("a", 4, 3)
        assert bench.pool.load().busy == 4

    def test_who_holds_slots_is_active_however_long_it_does(self) -> None:
        bench = Bench(4, limits=RESERVE)
        stream = bench.ask("b")
        for _ in range(5):
            bench.now += ACTIVE_SECONDS
            bench.poll("a", 4, 1)
        bench.end(stream)
        bench.now += 10
        assert len(held(bench, "a", 5)) == 3

    def test_what_takes_no_slots_is_neither_bounded_nor_active(self) -> None:
        bench = Bench(2, limits=RESERVE)
        bench.ask("b", slots=NO_SLOTS)
        assert len(held(bench, "a", 2)) == 2
        assert bench.where(bench.ask("a", slots=NO_SLOTS)) == "a"

    def test_without_it_nothing_is_kept(self) -> None:
        bench = Bench(4)
        bench.end(bench.ask("b"))
        assert len(held(bench, "a", 5)) == 4

    def test_it_can_be_switched_on_and_off(self) -> None:
        bench = Bench(4)
        bench.ask("b")
        bench.take(bench.pool.limits(RESERVE, bench.now))
        assert len(held(bench, "a", 5)) == 3
        bench.end(1)
        assert bench.pool.load().busy == 3
        bench.take(bench.pool.limits(QueueLimits(), bench.now))
        assert bench.pool.load().busy == 4


class TestWhatIsLargerThanTheBound:
    """It passes in its turn, when its tenant holds nothing."""

    @pytest.mark.parametrize("slots", [WHOLE, 4])
    def test_it_goes_at_once_where_all_is_idle(self, slots: int) -> None:
        bench = Bench(4, limits=RESERVE)
        bench.end(bench.ask("b"))
        assert bench.where(bench.ask("a", slots=slots)) == "a"

    def test_it_waits_while_its_tenant_holds_others(self) -> None:
        bench = Bench(4, 4, limits=RESERVE)
        for other in "bcdef":
            bench.end(bench.ask(other))
        single = bench.ask("a")
        whole = bench.ask("a", slots=WHOLE)
        assert bench.where(whole) == "waits"
        bench.end(single)
        assert bench.where(whole) != "waits"

    def test_its_own_tenants_backlog_does_not_keep_it_waiting_for_ever(self) -> None:
        bench = Bench(2, 2, limits=RESERVE)
        bench.end(bench.ask("b"))
        running = held(bench, "a", 2)
        whole = bench.ask("a", slots=WHOLE)
        backlog = [bench.ask("a") for _ in range(60)]
        for ask in (*running, *backlog):
            if bench.where(whole) != "waits":
                break
            bench.now += 1
            bench.end(ask)
        assert bench.where(whole) != "waits"
        assert any(bench.where(ask) == "waits" for ask in backlog)


class World:
    """Tenants and their requests in simulated time."""

    def __init__(self, slots: tuple[int, ...], limits: QueueLimits, rng: random.Random) -> None:
        self.rng = rng
        self.now = 0.0
        self.pool = Pool(limits, 0.0, itertools.count())
        self.ids = itertools.count()
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.then: dict[int, Callable[[Decision], None]] = {}
        for name, number in zip("abcd", slots, strict=False):
            self.pool.replica(name, number, True, 0.0)
            self.pool.seen(name, SlotsSeen(0.0, number, 0), 0.0)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.ids), action))

    def run(self, until: float) -> None:
        while True:
            due = self.pool.next_expiry()
            at = min(self.events[0][0] if self.events else until, due or until, until)
            self.now = max(self.now, at)
            if self.now >= until:
                return
            if due is not None and due <= self.now:
                self.follow(self.pool.expire(self.now))
            elif self.events:
                heapq.heappop(self.events)[2]()

    def follow(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            self.then.pop(decision.ask)(decision)

    def asks(
        self, tenant: str, lasts: Callable[[], float], then: Callable[[Decision, float], None]
    ) -> None:
        """One request; `then` is told of the decision and how long it was waited for."""
        ask = Ask(next(self.ids), "m", tenant, 1, (), self.now)
        came = self.now

        def decided(decision: Decision) -> None:
            then(decision, self.now - came)
            if isinstance(decision, Grant):
                lease = decision.lease
                self.after(
                    lasts(),
                    lambda: self.follow(self.pool.release(lease, Ending.DONE, self.now)),
                )

        self.then[ask.id] = decided
        self.follow(self.pool.submit(ask, self.now))

    def floods(self, tenant: str, requests: int, lasts: float) -> None:
        """Keeps so many requests going, running or waiting."""

        def again(decision: Decision, _: float) -> None:
            seconds = lasts if isinstance(decision, Grant) else 1.0
            self.after(seconds, lambda: self.asks(tenant, lambda: lasts, again))

        for _ in range(requests):
            self.asks(tenant, lambda: lasts * self.rng.uniform(0.9, 1.1), again)


def rarely(
    world: World, tenant: str, pause: Callable[[], float], waits: list[tuple[float, Decision]]
) -> None:
    """One request at a time; what became of each, and when it came."""

    def answered(decision: Decision, waited: float) -> None:
        waits.append((waited, decision))
        world.after(pause(), ask)

    def ask() -> None:
        world.asks(tenant, lambda: 1.0, answered)

    world.after(pause(), ask)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32).map(random.Random),
    st.sampled_from([(8,), (4, 4), (2, 3, 3), (3,)]),
    st.integers(1, 2),
    st.floats(2, 100),
)
def test_after_one_ramp_down_each_active_tenant_finds_a_slot_at_once(
    rng: random.Random, slots: tuple[int, ...], others: int, lasts: float
) -> None:
    """With one request at a time, and no more tenants than slots."""
    world = World(slots, QueueLimits(max_requests=100, timeout=60, reserve=True), rng)
    world.floods("flood", 2 * sum(slots), lasts)
    met: list[list[tuple[float, Decision]]] = [[] for _ in range(others)]
    for number, waits in enumerate(met):
        rarely(world, f"rare {number}", lambda: rng.uniform(2, 200), waits)
    world.run(until=3000)
    # Before all have been seen once, and what was granted before that has ended, they may wait.
    down = [next(i for i, (_, d) in enumerate(w) if isinstance(d, Grant)) for w in met]
    first = max(down) + 2 + int(220 / 2)
    for waits in met:
        settled = waits[first:]
        assert all(isinstance(decision, Grant) for _, decision in settled)
        assert all(waited == 0 for waited, _ in settled)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32).map(random.Random), st.floats(1, 200), st.integers(1, 8))
def test_without_it_504_comes_only_where_nothing_ends_within_the_timeout(
    rng: random.Random, lasts: float, slots: int
) -> None:
    """A slot that is freed goes to the one that holds nothing."""
    timeout = 60.0
    world = World((slots,), QueueLimits(max_requests=100, timeout=timeout), rng)
    ends: list[float] = []
    released = world.pool.release

    def release(lease: int, ending: Ending, now: float) -> list[Decision]:
        ends.append(now)
        return released(lease, ending, now)

    world.pool.release = release  # type: ignore[method-assign]
    refused: list[float] = []

    def answered(decision: Decision, waited: float) -> None:
        if isinstance(decision, Refusal):
            refused.append(world.now)
        world.after(rng.uniform(1, 100), ask)

    def ask() -> None:
        world.asks("rare", lambda: 1.0, answered)

    world.floods("flood", 3 * slots, lasts)
    ask()
    world.run(until=3000)
    for at in refused:
        assert not [end for end in ends if at - timeout + 1e-3 < end < at - 1e-3]


def test_beside_eight_long_streams_rare_requests_are_served_with_it() -> None:
    """The same load without it refuses many of them."""

    def refusals(limits: QueueLimits) -> int:
        rng = random.Random(1)
        world = World((4, 4), limits, rng)
        world.floods("a", 8, 100)
        waits: list[tuple[float, Decision]] = []
        rarely(world, "b", lambda: rng.uniform(10, 60), waits)
        world.run(until=3000)
        assert len(waits) > 30
        return sum(isinstance(decision, Refusal) for _, decision in waits)

    assert refusals(QueueLimits(timeout=60)) > 5
    assert refusals(QueueLimits(timeout=60, reserve=True)) <= 1
