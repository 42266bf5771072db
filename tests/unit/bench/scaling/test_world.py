"""Does the simulation lose or double no request, and cost what it says?"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scaling.ours import Slots
from bench.scaling.replica import Replica
from bench.scaling.scalers import ActiveRequests
from bench.scaling.traces import KINDS, Request, Trace, make
from bench.scaling.view import View
from bench.scaling.world import LIMITS, simulate
from llmstack.scaling.gateway_load import ModelLoad


class Steps:
    """A scaler that asks for these numbers, one after the other, then for the last."""

    interval = 10.0

    def __init__(self, *wanted: int) -> None:
        self._wanted = list(wanted)

    def wanted(self, view: View, now: float) -> int:
        return self._wanted.pop(0) if len(self._wanted) > 1 else self._wanted[0]

    def called(self, view: View, now: float) -> bool:
        return True


def trace(*requests: tuple[float, float], duration: float = 100.0) -> Trace:
    return Trace("given", tuple(Request(at, work) for at, work in requests), duration)


@settings(deadline=None, max_examples=50)
@given(
    wanted=st.lists(st.integers(0, 5), min_size=1, max_size=20),
    requests=st.lists(
        st.tuples(st.floats(0, 300), st.floats(1, 3000)).map(lambda r: (r[0], r[1])), max_size=60
    ),
    load=st.floats(0, 400),
)
def test_every_request_ends_once(
    wanted: list[int], requests: list[tuple[float, float]], load: float
) -> None:
    outcome = simulate(trace(*sorted(requests)), Steps(*wanted, 1), load)
    assert outcome.finished == len(outcome.waits)
    assert outcome.finished + outcome.refused.total() == outcome.asked == len(requests)
    assert all(wait >= 0 for wait in outcome.waits)


def test_request_at_a_ready_replica_waits_not() -> None:
    outcome = simulate(trace((10, 300)), Steps(1), 30)
    assert (outcome.waits, outcome.finished) == ([0.0], 1)
    assert outcome.replica_seconds == pytest.approx(100)


def test_fifth_request_waits_for_the_first_slot_of_four() -> None:
    """30 ÷ 1.3 tokens a second each: 300 take 13 s."""
    outcome = simulate(trace(*[(10, 300)] * 5), Steps(1), 30)
    assert outcome.waits == pytest.approx([0, 0, 0, 0, 13])


def test_request_at_zero_waits_for_the_pod_and_the_load() -> None:
    """Removed at 0 s, asked at 20 s, created a second later, loaded in 7 s."""
    outcome = simulate(trace((25, 30)), Steps(0, 0, 0, 1), 7)
    assert outcome.waits == pytest.approx([8])
    assert outcome.replica_seconds == pytest.approx(100 - 26)


def test_replica_that_leaves_ends_what_it_has_begun_and_is_paid_for_until_then() -> None:
    """Two replicas; one goes at 20 s with a request of 20 s that began at 15 s."""
    outcome = simulate(trace((15, 600), (15, 600)), Steps(2, 2, 0, 0), 0)
    assert outcome.finished == 2
    assert outcome.replica_seconds == pytest.approx(2 * 35)


def test_who_waits_longer_than_allowed_is_refused_and_counts_with_the_limit() -> None:
    late = LIMITS.cold_start_timeout + 500
    outcome = simulate(trace((5, 30), duration=2000), Steps(0), late)
    assert outcome.refused == {"no_replica": 1}
    assert outcome.wait(0.95) == LIMITS.timeout


def test_traces_are_the_same_each_time_and_others_by_seed() -> None:
    for name in KINDS:
        assert make(name, 1) == make(name, 1) != make(name, 2)


@pytest.mark.parametrize("name", KINDS)
def test_rates_stay_below_what_they_are_drawn_from(name: str) -> None:
    for seed in range(5):
        rate = KINDS[name][0](random.Random(seed))
        assert all(rate(second) <= KINDS[name][1] + 1e-9 for second in range(0, 7200, 5))


def test_constant_load_settles() -> None:
    """One request every 4 s, each alone 4 s long, for an hour: no replica comes or goes."""
    steady = trace(*[(4.0 * n, 120) for n in range(900)], duration=3600)
    outcome = simulate(steady, Slots(sleeps=False), 5)
    assert outcome.most == 1
    assert outcome.replica_seconds == pytest.approx(3600, abs=60)


def test_ours_goes_to_zero_and_comes_back() -> None:
    outcome = simulate(trace((1805, 30), duration=3600), Slots(sleeps=True), 20)
    assert outcome.waits == pytest.approx([21])
    assert outcome.replica_seconds < 2 * 1000


def view(replicas: int, active: int) -> View:
    return View(replicas, (0,) * replicas, active, ModelLoad())


def test_kubeai_means_over_its_window_and_goes_down_after_its_delay() -> None:
    scaler = ActiveRequests(target=2, window=30, delay=20, sleeps=False)
    assert [scaler.wanted(view(1, 6), 0.0) for _ in range(3)] == [1, 2, 3]
    assert [scaler.wanted(view(3, 0), 0.0) for _ in range(4)] == [3, 3, 1, 1]


def test_replica_is_slower_for_each_and_faster_for_all() -> None:
    replica = Replica("r", 4, 0.0)
    replica.begin(1, 300, 0.0)
    assert replica.next_finish() == pytest.approx(10)
    replica.begin(2, 300, 5.0)
    assert replica.next_finish() == pytest.approx(5 + 150 * 1.1 / 30)
