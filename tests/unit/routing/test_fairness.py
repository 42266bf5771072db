"""Whose turn is it, and who gives way in a full queue?"""

from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ending, Reason
from tests.unit.routing.samples import Bench

FULL = Reason.QUEUE_FULL


def test_within_a_tenant_the_first_to_arrive_is_served_first() -> None:
    bench = Bench(1)
    running = bench.ask()
    waiting = [bench.ask() for _ in range(5)]
    for ask in waiting:
        bench.end(running)
        running = ask
    assert bench.order[1:] == waiting


def test_the_tenant_with_fewer_slots_in_use_goes_first() -> None:
    bench = Bench(2)
    first, _ = bench.ask("flood"), bench.ask("flood")
    flood = [bench.ask("flood") for _ in range(10)]
    other = bench.ask("other")
    bench.end(first)
    assert bench.where(other) == "a"
    assert {bench.where(ask) for ask in flood} == {"waits"}


def test_with_one_slot_tenants_take_turns_however_long_ones_backlog_is() -> None:
    bench = Bench(1)
    running = bench.ask("flood")
    for _ in range(20):
        bench.ask("flood")
    bench.now = 1.0
    others = [bench.ask("other") for _ in range(3)]
    tenants = []
    for _ in range(6):
        bench.now += 1.0
        bench.end(running)
        running = bench.order[-1]
        tenants.append("other" if running in others else "flood")
    assert tenants == ["other", "flood"] * 3


def test_slots_that_drain_count_as_in_use() -> None:
    bench = Bench(3)
    canceller, other, third = bench.ask("canceller"), bench.ask("other"), bench.ask("third")
    bench.now = 0.5
    waiting = bench.ask("canceller"), bench.ask("other")
    bench.now = 1.0
    bench.end(canceller, Ending.CANCELLED)
    bench.end(other)
    assert bench.where(waiting[1]) == "a"
    bench.end(third)
    assert bench.where(waiting[0]) == "a"


class TestFullQueue:
    """At the bound."""

    def test_with_one_tenant_the_newcomer_is_refused_with_the_bound(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=2))
        asks = [bench.ask() for _ in range(4)]
        assert [bench.where(ask) for ask in asks] == ["a", "waits", "waits", FULL]
        refusal = bench.refusal(asks[3])
        assert refusal.limit == 2
        assert refusal.retry_after >= 1

    def test_a_newcomer_with_fewer_waiting_pushes_out_the_youngest_of_the_crowd(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=4))
        flood = [bench.ask("flood") for _ in range(5)]
        other = bench.ask("other")
        assert bench.where(other) == "waits"
        assert [bench.where(ask) for ask in flood] == ["a", "waits", "waits", "waits", FULL]

    def test_the_youngest_is_so_whatever_it_asks_for(self) -> None:
        bench = Bench(2, limits=QueueLimits(max_requests=3))
        bench.ask("flood", slots=2)
        flood = []
        for moment, slots in enumerate([2, 1, 2]):
            bench.now = float(moment)
            flood.append(bench.ask("flood", slots=slots))
        bench.ask("other")
        assert [bench.where(ask) for ask in flood] == ["waits", "waits", FULL]
        bench.ask("third")
        assert [bench.where(ask) for ask in flood] == ["waits", FULL, FULL]

    def test_until_both_have_as_many(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=4))
        for _ in range(5):
            bench.ask("flood")
        others = [bench.ask("other") for _ in range(3)]
        assert [bench.where(ask) for ask in others] == ["waits", "waits", FULL]

    def test_a_queue_of_one_goes_to_who_uses_fewer_slots_and_stays_theirs(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=1))
        bench.ask("flood"), bench.ask("flood")
        other = bench.ask("other")
        assert bench.where(other) == "waits"
        assert bench.where(bench.ask("flood")) == FULL
        assert bench.where(other) == "waits"

    def test_without_a_queue_only_free_slots_are_given(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=0))
        first = bench.ask()
        assert [bench.where(first), bench.where(bench.ask("other"))] == ["a", FULL]
        bench.end(first)
        assert bench.where(bench.ask()) == "a"

    def test_a_bound_that_shrinks_sends_the_youngest_of_crowds_away(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=10))
        flood = [bench.ask("flood") for _ in range(6)]
        other = bench.ask("other")
        bench.take(bench.pool.limits(QueueLimits(max_requests=2), bench.now))
        assert bench.where(other) == "waits"
        assert [bench.where(ask) for ask in flood[:3]] == ["a", "waits", FULL]


@settings(max_examples=40, deadline=None)
@given(
    slots=st.integers(1, 4),
    tenants=st.integers(1, 6),
    data=st.data(),
)
def test_no_tenant_is_starved(slots: int, tenants: int, data: st.DataObject) -> None:
    """Who uses no slot is served within as many grants as there are tenants and slots."""
    bench = Bench(slots, limits=QueueLimits(max_requests=10_000))
    names = [f"t{number}" for number in range(tenants)]
    owner: dict[int, str] = {}
    for name in names:
        for _ in range(data.draw(st.integers(1, 30), name)):
            owner[bench.ask(name)] = name
    running = list(bench.order)
    passed = dict.fromkeys(names, 0)
    while any(bench.where(ask) == "waits" for ask in owner):
        bench.now += 1.0
        served = len(bench.order)
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        bench.end(ended)
        for ask in bench.order[served:]:
            running.append(ask)
            for name in names:
                waits = any(bench.where(a) == "waits" for a, n in owner.items() if n == name)
                uses = any(owner[a] == name for a in running)
                passed[name] = passed[name] + 1 if waits and not uses else 0
                assert passed[name] <= tenants + slots
