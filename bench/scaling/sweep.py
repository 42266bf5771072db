"""Each rival at its best: which parameters wait least at no more replica-hours than ours?

Chosen on TUNING seeds, measured on MEASURED ones, for each trace and load time alone: no user could
tune that well. Ours has its defaults everywhere; a second row is tuned in the same way. "Best" is
the lowest p95 of the wait among those that cost no more than ours on the tuning seeds, the cheapest
if none does; "fastest" is the lowest p95 at any cost; "shipped" is what it does if nobody sets
anything but the bounds. Of equals the cheaper one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.scaling.candidates import Make, candidates, swept
from bench.scaling.ours import Slots
from bench.scaling.traces import Trace, make
from bench.scaling.world import Outcome, simulate

LOAD_SECONDS = (5, 30, 120, 300)
MEASURED = (1, 2, 3)
TUNING = (101, 102)
OURS = "slots (ours)"


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


def run_case(name: str, load_seconds: int) -> Case:
    """Tunes the rivals, and ours beside them, then measures all."""
    tuning = [make(name, seed) for seed in TUNING]
    measured = [make(name, seed) for seed in MEASURED]
    budget = _run(Slots, tuning, load_seconds).hours
    lines = [Line(OURS, "defaults", "ours", _run(Slots, measured, load_seconds))]
    tried = [*swept(tuning[0].from_zero), *candidates()]
    tuned = [(each, _run(each.make, tuning, load_seconds)) for each in tried]
    for contender in dict.fromkeys(candidate.contender for candidate in tried):
        own = [(each, result) for each, result in tuned if each.contender == contender]
        roles = choose([result for _, result in own], budget)
        shipped = [index for index, (each, _) in enumerate(own) if each.shipped]
        if shipped:
            roles["shipped"] = shipped[0]
        for index in dict.fromkeys(roles.values()):
            candidate = own[index][0]
            role = ", ".join(role for role, chosen in roles.items() if chosen == index)
            result = _run(candidate.make, measured, load_seconds)
            lines.append(Line(contender, candidate.parameters, role, result))
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
