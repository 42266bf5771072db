"""What do docs/conditions.md and docs/troubleshooting.md say of each reason?

Its meaning is that of the catalog. How to see more and how to fix it is in docs/remedies/REASON.md;
a reason without such a file needs no action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import fill

from llmstack.api.conditions import ConditionType
from llmstack.status.catalog import CATALOG
from tests.unit.docs.blocks import DOCS

REMEDIES = {
    path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "remedies").glob("*.md")
}
"""The text of each file, by reason."""

_LINKS = (
    (re.compile(r"\]\((\w+)\.md\)"), lambda found: f"](#{found[1].lower()})"),
    (re.compile(r"\]\(\.\./troubleshooting\.md(#[\w-]+)\)"), r"](\1)"),
    (re.compile(r"\]\(\.\./"), "]("),
)
"""Links of a file in docs/remedies/, as they lead from docs/troubleshooting.md."""


def table(_name: str) -> str:
    """All reasons in one table."""
    rows = [
        f"| {_linked(reason)} | {entry.condition.value} | {entry.weight.value} | {entry.meaning} |"
        for reason, entry in CATALOG.items()
    ]
    return "\n".join(["| reason | condition | Event | meaning |", "|---|---|---|---|", *rows])


def section(condition: str) -> str:
    """The reasons of one condition that have a remedy, each with its meaning and its remedy."""
    return "\n\n".join(_entries(ConditionType(condition)))


def _entries(kind: ConditionType) -> Iterator[str]:
    for reason, entry in CATALOG.items():
        if entry.condition is kind and reason in REMEDIES:
            meaning = fill(entry.meaning, 106, break_long_words=False, break_on_hyphens=False)
            yield f"### {reason}\n\n{meaning}\n\n{_remedy(reason)}"


def _remedy(reason: str) -> str:
    _, text = REMEDIES[reason].split("\n\n", 1)
    for pattern, there in _LINKS:
        text = pattern.sub(there, text)
    return text.strip()


def _linked(reason: str) -> str:
    return f"[{reason}](troubleshooting.md#{reason.lower()})" if reason in REMEDIES else reason
