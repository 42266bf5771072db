"""Where does an array in a body have its entries? Told one after the other, as they are wanted."""

import re
from collections.abc import Iterator

from llmstack.scan.outline import Span

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_OUTSIDE = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
_INSIDE = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
"""The same within an entry: its commas do not matter."""
_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")
_COMMA = ord(",")


def entries(body: bytes | bytearray, array: Span) -> Iterator[tuple[int, int]]:
    """Start and end of each direct entry, with the whitespace around it.

    `array` comes from a scan of this body, so brackets match. Between two entries no more is looked
    at than the bytes of one.
    """
    start = at = array.start + 1
    end, depth = array.end - 1, 0
    while found := (_INSIDE if depth else _OUTSIDE).search(body, at, end):
        at = found.end()
        what = body[found.start()]
        if what == _COMMA:
            yield start, found.start()
            start = at
        else:
            depth += (what in _OPENING) - (what in _CLOSING)
    if body[start:end].strip():
        yield start, end
