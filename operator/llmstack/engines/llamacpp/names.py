"""Which field did somebody mean who wrote this name?"""

from collections.abc import Iterable
from difflib import get_close_matches

_ALIKE = 0.88
"""Of difflib: one letter that is missing, wrong or doubled, or two that changed places."""
_SHORTEST = 6
"""Shorter names are alike by chance: seed and speed."""
_LONGEST = 40


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is a slip of: another case, or a letter that is off."""
    if len(name) > _LONGEST:
        return None
    plain = {_plain(other): other for other in known}
    if _plain(name) in plain:
        return plain[_plain(name)]
    if len(name) < _SHORTEST:
        return None
    found = get_close_matches(_plain(name), plain, n=1, cutoff=_ALIKE)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
