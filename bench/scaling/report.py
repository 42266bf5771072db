"""How do the cases become tables?"""

import math
from collections.abc import Sequence

from bench.scaling.sweep import OURS, Case, Line, Result

_NO_MORE = 1.05
"""Costs no more: chosen so on the tuning seeds, and up to so much of ours on the measured ones."""
_LEAST = 0.05
"""Seconds: less is printed as 0.0, and is none."""


def verdicts(cases: Sequence[Case]) -> str:
    """One row a case: ours beside the best rival that costs no more."""
    head = [
        "trace",
        "load time",
        "ours: p95 wait",
        "hours",
        "best rival at no more hours",
        "p95 wait",
        "hours",
        "ours ÷ rival",
    ]
    rows = []
    for case in cases:
        ours = case.lines[0].result
        rival = best_rival(case)
        name, p95, hours, ratio = "none", "", "", ""
        if rival:
            name = f"{rival.contender} ({rival.parameters})"
            p95, hours = f"{rival.result.p95:.1f} s", f"{rival.result.hours:.1f}"
            ratio = _ratio(ours.p95, rival.result.p95)
        rows.append(
            [
                case.trace,
                f"{case.load_seconds} s",
                f"{ours.p95:.1f} s",
                f"{ours.hours:.1f}",
                name,
                p95,
                hours,
                ratio,
            ]
        )
    return _table(head, rows)


def best_rival(case: Case) -> Line | None:
    """The one with the lowest p95 of those that were chosen for costing no more than ours."""
    most = _NO_MORE * case.lines[0].result.hours
    chosen = [line for line in case.lines if "best" in line.role]
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


def _ratio(ours: float, rival: float) -> str:
    if max(ours, rival) < _LEAST:
        return "both 0"
    ratio = ours / rival if rival >= _LEAST else math.inf
    return f"**{ratio:.2f}**" if ratio <= 0.5 else f"{ratio:.2f}".replace("inf", "∞")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
