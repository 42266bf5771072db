"""How does a measurement become a table?"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.page import dated, put

PAGE = Path(__file__).parents[2] / "docs" / "bench-gateway.md"


@dataclass(frozen=True)
class Table:
    """What one measurement found; cells as they are printed."""

    part: str
    options: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return dated(table, f"python -m bench.gateway --only {self.part}{self.options}")

    def write(self) -> None:
        """Puts it into the page, between the marks of its part."""
        put(self.text(), PAGE, self.part)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
