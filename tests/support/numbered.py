"""How do tests that share an API server name their namespaces and releases?"""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def numbered(word: str) -> str:
    """Returns the word with a number that this process has not used yet."""
    return f"{word}-{next(_numbers)}"
