"""How do the cases become tables?"""

import math
from collections.abc import Sequence

from bench.scaling.candidates import SWEPT
from bench.scaling.sweep import OURS, Case, Line, Result

_NO_MORE = 1.05
"""Costs no more: chosen so on the tuning seeds, and up to so much of ours on the measured ones."""
_LEAST = 0.05
"""Seconds: less is printed as 0.0, and is none."""


def verdicts(cases: Sequence[Case]) -> str:
    """One row a case: ours, and ours swept, beside the best rival that costs no more."""
    head = ["trace", "load time", "ours: p95 wait", "hours", "swept: p95 wait", "hours"]
    head += ["best rival at no more hours", "p95 wait", "hours", "ours ÷ rival", "swept ÷ rival"]
    return _table(head, [_verdict(case) for case in cases])


def _verdict(case: Case) -> list[str]:
    ours = case.lines[0]
    swept, rival = best_swept(case), best_rival(case)
    name = f"{rival.contender} ({rival.parameters})" if rival else "none"
    row = [case.trace, f"{case.load_seconds} s", *_costs(ours), *_costs(swept), name]
    return [*row, *_costs(rival), _ratio(ours, rival), _ratio(swept, rival)]


def _costs(line: Line | None) -> list[str]:
    return [f"{line.result.p95:.1f} s", f"{line.result.hours:.1f}"] if line else ["", ""]


def best_rival(case: Case) -> Line | None:
    """The one with the lowest p95 of those that were chosen for costing no more than ours."""
    return _best(case, [line for line in case.lines if line.contender != SWEPT])


def best_swept(case: Case) -> Line | None:
    """Ours, tuned for the trace, if that costs no more than its defaults do."""
    return _best(case, [line for line in case.lines if line.contender == SWEPT])


def _best(case: Case, lines: Sequence[Line]) -> Line | None:
    most = _NO_MORE * case.lines[0].result.hours
    chosen = [line for line in lines if "best" in line.role]
    best = [line for line in chosen if line.result.hours <= most]
    return min(best, key=lambda line: (line.result.p95, line.result.hours), default=None)


def shipped(cases: Sequence[Case]) -> str:
    """One row a case: p95 and hours of everyone where nobody tunes anything."""
    lines = {
        case: [line for line in case.lines if line.role == "ours" or "shipped" in line.role]
        for case in cases
    }
    head = ["trace", "load time", *(line.contender for line in lines[cases[0]])]
    rows = [
        [case.trace, f"{case.load_seconds} s", *(_short(line.result) for line in lines[case])]
        for case in cases
    ]
    return _table(head, rows)


def _short(result: Result) -> str:
    return f"{result.p95:.1f} s, {result.hours:.1f} h"


def details(cases: Sequence[Case]) -> str:
    """Every contender in every case."""
    head = ["trace", "load time", "contender", "parameters", "role", "p50 wait", "p95 wait"]
    head += ["refused", "replica-hours"]
    rows = [
        [
            case.trace,
            f"{case.load_seconds} s",
            line.contender,
            line.parameters,
            "" if line.contender == OURS else line.role,
            *_cells(line.result),
        ]
        for case in cases
        for line in case.lines
    ]
    return _table(head, rows)


def _cells(result: Result) -> list[str]:
    refused = f"{100 * result.refused / result.asked:.1f}%" if result.refused else "0"
    return [f"{result.p50:.1f} s", f"{result.p95:.1f} s", refused, f"{result.hours:.1f}"]


def _ratio(ours: Line | None, rival: Line | None) -> str:
    if ours is None or rival is None:
        return ""
    if max(ours.result.p95, rival.result.p95) < _LEAST:
        return "both 0"
    ratio = ours.result.p95 / rival.result.p95 if rival.result.p95 >= _LEAST else math.inf
    return f"**{ratio:.2f}**" if ratio <= 0.5 else f"{ratio:.2f}".replace("inf", "∞")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
