"""How does a table of measurements get into docs/?"""

import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TABLE = re.compile(r"<!-- table -->.*<!-- end -->", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """What was measured, how much it was, and what is wanted ("" if nothing is)."""

    what: str
    measured: str
    wanted: str


def table(rows: Sequence[Row], command: str) -> str:
    """As Markdown, with the day, the machine's size and load, and the command that makes it."""
    load = os.getloadavg()[0]
    head = f"{datetime.date.today()}, {os.cpu_count()} CPUs, load average {load:.1f}, `{command}`:"
    lines = [f"| {row.what} | {row.measured} | {row.wanted} |" for row in rows]
    return "\n".join([head, "", "| what | measured | wanted |", "|---|---|---|", *lines])


def write_table(rows: Sequence[Row], command: str, page: Path | None) -> None:
    """Prints it, and puts it between the marks of the page."""
    text = table(rows, command)
    print(text)
    if page:
        marked = f"<!-- table -->\n{text}\n<!-- end -->"
        page.write_text(_TABLE.sub(lambda _: marked, page.read_text()))
