"""Each rival at its best: which parameters wait least at no more replica-hours than ours?

Chosen on TUNING seeds, measured on MEASURED ones, for each trace and load time alone: no user could
tune that well. Ours has its defaults everywhere. "Best" is the lowest p95 of the wait among those
that cost no more than ours on the tuning seeds, the cheapest if none does; "fastest" is the lowest
p95 at any cost; "shipped" is what it does if nobody sets anything but the bounds. Of equals the
cheaper one.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.scaling.ours import Slots
from bench.scaling.scalers import ActiveRequests, GpuPercentage, RequestsProcessing
from bench.scaling.traces import Trace, make
from bench.scaling.view import Scaler
from bench.scaling.world import Outcome, simulate

LOAD_SECONDS = (5, 30, 120, 300)
MEASURED = (1, 2, 3)
TUNING = (101, 102)
OURS = "slots (ours)"

Make = Callable[[bool], Scaler]
"""A fresh one; may it go to 0?"""


@dataclass(frozen=True)
class Candidate:
    """One rival with one choice of parameters."""

    rival: str
    parameters: str
    make: Make
    shipped: bool = False


@dataclass(frozen=True)
class Result:
    """Means over the seeds: seconds of wait, requests refused of those asked, replica-hours."""

    p50: float
    p95: float
    refused: int
    asked: int
    hours: float


@dataclass(frozen=True)
class Line:
    """One contender in one case.

    `role`: ours, best, dearer (none was as cheap as ours on the tuning seeds), fastest, shipped.
    """

    contender: str
    parameters: str
    role: str
    result: Result


@dataclass(frozen=True)
class Case:
    """All contenders on one trace, with models that take so long to load."""

    trace: str
    load_seconds: int
    lines: tuple[Line, ...]


def candidates() -> Iterator[Candidate]:
    """All that is tried, the defaults of each among them."""
    for target in (0.5, 1, 1.5, 2, 2.5, 3, 3.5):
        name = f"target {target:g}"
        yield Candidate("LLMKube", name, _processing(target), shipped=target == 2)
    yield _kubeai(100, 600, 30)
    for target, window, delay in itertools.product(
        (1, 1.5, 2, 2.5, 3, 4), (600, 120, 30), (30, 300)
    ):
        yield _kubeai(target, window, delay)
    for target, down in itertools.product((20, 50, 80, 95), (300, 60)):
        name = f"{target}%, down after {down} s"
        yield Candidate(
            "GPU percentage", name, _gpu(target, down), shipped=(target, down) == (80, 300)
        )


def _processing(target: float) -> Make:
    return lambda _sleeps: RequestsProcessing(target)


def _gpu(target: float, down: float) -> Make:
    return lambda _sleeps: GpuPercentage(target, down)


def _kubeai(target: float, window: float, delay: float) -> Candidate:
    return Candidate(
        "KubeAI",
        f"{target:g} requests, {window:g} s, delay {delay:g} s",
        lambda sleeps: ActiveRequests(target, window, delay, sleeps),
        shipped=(target, window, delay) == (100, 600, 30),
    )


def run_case(name: str, load_seconds: int) -> Case:
    """Tunes the rivals, then measures all."""
    tuning = [make(name, seed) for seed in TUNING]
    measured = [make(name, seed) for seed in MEASURED]
    budget = _run(Slots, tuning, load_seconds).hours
    lines = [Line(OURS, "defaults", "ours", _run(Slots, measured, load_seconds))]
    tuned = [(each, _run(each.make, tuning, load_seconds)) for each in candidates()]
    for rival in dict.fromkeys(candidate.rival for candidate, _ in tuned):
        own = [(each, result) for each, result in tuned if each.rival == rival]
        roles = choose([result for _, result in own], budget)
        roles["shipped"] = next(i for i, (each, _) in enumerate(own) if each.shipped)
        for index in dict.fromkeys(roles.values()):
            candidate = own[index][0]
            role = ", ".join(role for role, chosen in roles.items() if chosen == index)
            result = _run(candidate.make, measured, load_seconds)
            lines.append(Line(rival, candidate.parameters, role, result))
    return Case(name, load_seconds, tuple(lines))


def choose(results: Sequence[Result], budget: float) -> dict[str, int]:
    """Which of them is best, or dearer, and which is fastest, if that is another?"""
    order = sorted(range(len(results)), key=lambda i: (results[i].p95, results[i].hours))
    affordable = [index for index in order if results[index].hours <= budget]
    if affordable:
        chosen = {"best": affordable[0]}
    else:
        chosen = {"dearer": min(order, key=lambda index: results[index].hours)}
    if order[0] not in chosen.values():
        chosen["fastest"] = order[0]
    return chosen


def _run(scaler: Make, traces: Sequence[Trace], load: int) -> Result:
    return summary([simulate(trace, scaler(trace.from_zero), load) for trace in traces])


def summary(outcomes: Sequence[Outcome]) -> Result:
    """Means of the percentiles and of the hours, sums of the rest."""
    count = len(outcomes)
    return Result(
        sum(outcome.wait(0.5) for outcome in outcomes) / count,
        sum(outcome.wait(0.95) for outcome in outcomes) / count,
        sum(outcome.refused.total() for outcome in outcomes),
        sum(outcome.asked for outcome in outcomes),
        sum(outcome.replica_hours for outcome in outcomes) / count,
    )
