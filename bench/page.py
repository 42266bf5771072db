"""How does a table of measurements get into docs/?"""

import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What was measured, how much it was, and what is wanted ("" if nothing is)."""

    what: str
    measured: str
    wanted: str


def dated(table: str, command: str) -> str:
    """The table below the day, the machine's size and load, and the command that makes it."""
    load = os.getloadavg()[0]
    head = f"{datetime.date.today()}, {os.cpu_count()} CPUs, load average {load:.1f}, `{command}`:"
    return f"{head}\n\n{table.strip()}"


def put(text: str, page: Path, part: str = "") -> None:
    """Replaces what stands between the marks of the page; of one part, if it has several."""
    mark = f"<!-- table {part} -->" if part else "<!-- table -->"
    pattern = re.compile(f"{mark}.*?<!-- end -->", re.DOTALL)
    marked = f"{mark}\n{text}\n<!-- end -->"
    page.write_text(pattern.sub(lambda _: marked, page.read_text()))


def write_table(rows: Sequence[Row], command: str, page: Path | None) -> None:
    """Prints it, and puts it into the page."""
    lines = [f"| {row.what} | {row.measured} | {row.wanted} |" for row in rows]
    text = dated("\n".join(["| what | measured | wanted |", "|---|---|---|", *lines]), command)
    print(text)
    if page:
        put(text, page)
