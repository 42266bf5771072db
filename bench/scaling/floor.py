"""What if the floor, `minReplicas`, is tuned too? For everyone, on bursts.

    python -m bench.scaling.floor [--write]

A wait in a burst lasts as long as a replica loads, so replicas that are kept in the pauses are
worth more than any rule. Here each contender may choose how many: the least p95 of the wait that
it reaches within so many replica-hours, on the TUNING seeds.
`--write` puts the table into docs/bench-scaling.md.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from bench.page import dated, put
from bench.scaling.candidates import WAYS_DOWN, Make, slots
from bench.scaling.scalers import ActiveRequests, RequestsProcessing
from bench.scaling.sweep import OURS, TUNING, summary
from bench.scaling.traces import make
from bench.scaling.world import simulate

LOADS = (30, 120)
BUDGETS = (10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14, 14.5)
"""Replica-hours of two hours with at most eight replicas."""
FLOORS = range(1, 7)
_PAGE = Path(__file__).parents[2] / "docs" / "bench-scaling.md"

Point = tuple[float, float]
"""Replica-hours, and the p95 of the wait in seconds."""


def contenders(floor: int) -> Iterator[tuple[str, Make]]:
    """Everyone's choices with this floor."""
    (_, kept), _, (_, at_once) = WAYS_DOWN
    for target in (50, 65, 80):
        tuned = {"minReplicas": floor, "targetSlotUtilization": target}
        for more in (kept, at_once):
            yield OURS, slots({**tuned, **more})
    for active in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
        yield "KubeAI", _kubeai(active, floor)
    for processing in (1.0, 1.5, 2.0, 2.5, 3.0):
        yield "LLMKube", _llmkube(processing, floor)


def _kubeai(target: float, floor: int) -> Make:
    return lambda sleeps: ActiveRequests(target, 30, 30, sleeps, floor)


def _llmkube(target: float, floor: int) -> Make:
    return lambda _sleeps: RequestsProcessing(target, floor)


def points(load: int) -> dict[str, list[Point]]:
    """What each contender's choices cost and reach."""
    traces = [make("bursts", seed) for seed in TUNING]
    found: dict[str, list[Point]] = {}
    for floor in FLOORS:
        for name, scaler in contenders(floor):
            outcomes = [simulate(trace, scaler(False), load) for trace in traces]
            result = summary(outcomes)
            found.setdefault(name, []).append((result.hours, result.p95))
    return found


def reached(choices: list[Point], hours: float) -> str:
    """The least wait within so many hours."""
    within = [wait for cost, wait in choices if cost <= hours]
    return f"{min(within):.1f} s" if within else "-"


def table() -> str:
    """A row for each budget of each load time."""
    found = {load: points(load) for load in LOADS}
    names = list(found[LOADS[0]])
    rows = [f"| load time | within | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for load, choices in found.items():
        for hours in BUDGETS:
            cells = " | ".join(reached(choices[name], hours) for name in names)
            rows.append(f"| {load} s | {hours:g} h | {cells} |")
    return "\n".join(rows)


def main() -> None:
    """Simulate, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling.floor")
    parser.add_argument("--write", action="store_true")
    text = dated(table(), "python -m bench.scaling.floor")
    print(text)
    if parser.parse_args().write:
        put(text, _PAGE, "floor")


if __name__ == "__main__":
    main()
