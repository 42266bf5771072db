"""Could any rule wait half as long as the best rival at no more replica-hours? On bursts.

    python -m bench.scaling.bounds [--write]

Everyone may choose a floor (`minReplicas`). Within each budget the best of each kind is chosen on
the TUNING seeds and measured on the MEASURED ones: the rivals, ours, and three that no product can
have (limits.py). `--write` puts the table into docs/bench-scaling.md.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.page import dated, put
from bench.scaling.candidates import Make, candidates, swept
from bench.scaling.floor import FLOORS, contenders
from bench.scaling.limits import Clairvoyant, Reactive, Told
from bench.scaling.sweep import MEASURED, OURS, TUNING, Result, summary
from bench.scaling.traces import make, phases, seeded
from bench.scaling.view import MOST, Scaler
from bench.scaling.world import simulate

LOADS = (30, 120, 300)
BUDGETS = (11.5, 12.5, 13.5, 14.5)
KINDS = ("best rival", OURS, "ideal reactive", "told of the burst", "clairvoyant")
_HALF = 0.5
_PAGE = Path(__file__).parents[2] / "docs" / "bench-scaling.md"

Seeded = Callable[[int], Scaler]
"""A fresh one for the trace of that seed."""
Tried = tuple[Seeded, Result]


def choices(load: int) -> Iterator[tuple[str, Seeded]]:
    """All that is tried of each kind."""
    for candidate in candidates():
        yield KINDS[0], _unseeded(candidate.make)
    for candidate in swept(sleeps=False):
        yield OURS, _unseeded(candidate.make)
    for floor in FLOORS:
        for name, scaler in contenders(floor):
            yield OURS if name == OURS else KINDS[0], _unseeded(scaler)
    for choice in _reactive():
        yield KINDS[2], choice
    for pause, burst in itertools.product(range(1, MOST + 1), (6, 7, 8)):
        if pause <= burst:
            yield KINDS[3], _told(pause, burst)
    for share, keep in itertools.product((0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2), (0, 60, 180)):
        yield KINDS[4], _clairvoyant(load, share, keep)


def _unseeded(scaler: Make) -> Seeded:
    return lambda _seed: scaler(False)


def _reactive() -> Iterator[Seeded]:
    floors, holds = range(1, 8), (0, 60)
    for floor, share, hold, surge in itertools.product(floors, (0.8, 1), holds, (False, True)):
        yield _sees(floor, share, hold, surge, 0)
    for floor, share, hold in itertools.product(floors, (0.6, 0.8), holds):
        yield _sees(floor, share, hold, False, 15)


def _sees(floor: int, share: float, hold: float, surge: bool, window: float) -> Seeded:
    return lambda _seed: Reactive(floor, share, hold, surge, window)


def _told(pause: int, burst: int) -> Seeded:
    return lambda seed: Told(phases(seeded("bursts", seed)), pause, burst)


def _clairvoyant(load: int, share: float, keep: float) -> Seeded:
    return lambda seed: Clairvoyant(make("bursts", seed), load, share, keep)


def run(scaler: Seeded, seeds: Sequence[int], load: int) -> Result:
    """Means over the traces of these seeds."""
    return summary([simulate(make("bursts", seed), scaler(seed), load) for seed in seeds])


def within(tried: Sequence[Tried], hours: float) -> Seeded | None:
    """The one that waits least of those that cost no more; of equals the cheaper one."""
    cheap = [each for each in tried if each[1].hours <= hours]
    best = min(cheap, key=lambda each: (each[1].p95, each[1].hours), default=None)
    return best[0] if best else None


def table() -> str:
    """A row for each budget of each load time."""
    rows = [f"| load time | within | {' | '.join(KINDS)} |", "| --- " * (len(KINDS) + 2) + "|"]
    for load in LOADS:
        tuned: dict[str, list[Tried]] = {}
        for kind, choice in choices(load):
            tuned.setdefault(kind, []).append((choice, run(choice, TUNING, load)))
        rows += [_row(load, hours, tuned) for hours in BUDGETS]
    return "\n".join(rows)


def _row(load: int, hours: float, tuned: Mapping[str, Sequence[Tried]]) -> str:
    chosen = [within(tuned[kind], hours) for kind in KINDS]
    found = [run(each, MEASURED, load) if each else None for each in chosen]
    return f"| {load} s | {hours:g} h | {' | '.join(cell(each, found[0]) for each in found)} |"


def cell(found: Result | None, rival: Result | None) -> str:
    """Bold: at most half of the rival's wait."""
    if found is None:
        return "-"
    wait = f"{found.p95:.1f} s"
    wins = rival is not None and found is not rival and found.p95 <= _HALF * rival.p95
    return f"{f'**{wait}**' if wins else wait}, {found.hours:.1f} h"


def main() -> None:
    """Simulate, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling.bounds")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = dated(table(), "python -m bench.scaling.bounds")
    print(text)
    if options.write:
        put(text, _PAGE, "bounds")


if __name__ == "__main__":
    main()
