"""Which parts of a page are made, and which are written by hand?

<!-- KIND: NAME -->     what is made follows, up to
<!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"(<!-- (?:table|reasons): (\w+) -->\n)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)


def filled(page: str, made: Callable[[str], str]) -> str:
    """The page with each of its blocks made anew, from the block's name."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{made(found[2])}\n\n{found[3]}", page)


def names(page: str) -> set[str]:
    """The names of the page's blocks."""
    return {name for _, name, _ in BLOCK.findall(page)}
