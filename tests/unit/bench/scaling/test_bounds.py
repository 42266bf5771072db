"""Do the scalers that no product can have see what they are said to see?"""

import pytest

from bench.scaling.bounds import cell, within
from bench.scaling.limits import Clairvoyant, Reactive, Told
from bench.scaling.sweep import Result
from bench.scaling.traces import Request, Trace
from bench.scaling.view import View
from bench.scaling.world import simulate
from llmstack.scaling.gateway_load import ModelLoad


def view(waiting: int = 0, requests: int = 0) -> View:
    load = ModelLoad(waiting=waiting, waiting_slots=waiting, requests=requests)
    return View(1, (0,), waiting, load)


def result(p95: float, hours: float) -> Result:
    return Result(0.0, p95, 0, 100, hours)


@pytest.mark.parametrize(
    ("surge", "waiting", "wanted", "why"),
    [
        (False, 0, 2, "the floor"),
        (False, 9, 3, "what drains nine requests of four slots"),
        (True, 1, 8, "all, as one waits"),
    ],
)
def test_reactive_asks_at_once(surge: bool, waiting: int, wanted: int, why: str) -> None:
    scaler = Reactive(floor=2, share=1, hold=0, surge=surge, window=0)
    assert scaler.wanted(view(waiting), 0.0) == wanted, why


def test_reactive_lets_go_when_its_hold_is_over() -> None:
    scaler = Reactive(floor=1, share=1, hold=3, surge=False, window=0)
    asked = [scaler.wanted(view(9 if now == 0 else 0), float(now)) for now in range(5)]
    assert asked == [3, 3, 3, 3, 1]


def test_reactive_follows_arrivals_too() -> None:
    """One a second, each for 24 s: 24 slots, six replicas."""
    scaler = Reactive(floor=1, share=1, hold=0, surge=False, window=15)
    asked = [scaler.wanted(view(requests=now), float(now)) for now in range(11)]
    assert (asked[0], asked[-1]) == (1, 6)


def test_told_knows_the_burst_and_not_the_next_one() -> None:
    scaler = Told([(100, False), (200, True), (300, False)], pause=3, burst=7)
    assert [scaler.wanted(view(), now) for now in (0.0, 99.0, 100.0, 200.0)] == [3, 3, 7, 3]
    assert scaler.wanted(view(waiting=20), 250.0) == 5, "what waits is drained"


def test_clairvoyant_starts_early_enough_that_nobody_waits() -> None:
    crowd = tuple(Request(200.0 + n / 10, 500) for n in range(20))
    trace = Trace("given", crowd, 400.0)
    outcome = simulate(trace, Clairvoyant(trace, 60, share=1.1, keep=0), 60)
    assert max(outcome.waits) == 0
    assert outcome.replica_seconds < 400 + 5 * 150


def test_choice_within_a_budget() -> None:
    made = [lambda seed, index=index: (seed, index) for index in range(3)]
    tried = list(zip(made, [result(9, 5), result(4, 9), result(3, 11)], strict=True))
    assert within(tried, 10) is made[1]
    assert within(tried, 4) is None


def test_half_of_the_rival_is_bold() -> None:
    rival = result(4, 12)
    assert cell(result(2, 12), rival) == "**2.0 s**, 12.0 h"
    assert cell(result(2.1, 12), rival) == "2.1 s, 12.0 h"
    assert cell(rival, rival) == "4.0 s, 12.0 h"
    assert cell(None, rival) == "-"
