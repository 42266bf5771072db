"""Which characters does a piece of a grammar or a pattern match? A set of them in one number.

Bit c stands for the character c of ASCII, bit 128 for all others: enough to tell whether two
alternatives may begin alike.
"""

import re
from collections.abc import Iterator

from llmstack.errors import InvalidInput

Chars = int
ALL: Chars = (1 << 129) - 1
_OTHERS = 128
_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_CHAR = re.compile(
    r"\\x(?P<x>[0-9A-Fa-f]{2})|\\u(?P<u>[0-9A-Fa-f]{4})|\\U(?P<U>[0-9A-Fa-f]{8})"
    r"|\\(?P<escaped>[trn\\\"\[\]-])|(?P<plain>[^\\])",
    re.DOTALL,
)
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}


class BadChars(InvalidInput):
    """Characters that no token can match, or that cannot be read."""


def literal_chars(text: str) -> tuple[Chars, int]:
    """What a literal may begin with, and how many characters it has; 0, 0 if it is empty."""
    size, first = 0, 0
    for code in _codes(text):
        if not _is_text(code):
            raise BadChars(f"no text has the character U+{code:04X}")
        first = first if size else _bit(code)
        size += 1
    return first, size


def class_chars(text: str) -> Chars:
    """What is within [text]; raises BadChars if no character is."""
    negated = text.startswith("^")
    codes = list(_codes(text[1:] if negated else text, dashes=True))
    found, covers = _ranges(codes)
    if not codes:
        raise BadChars("a class needs a character")
    if not negated:
        if not found:
            raise BadChars("no text has its characters")
        return found
    # A class that leaves nothing out of the first planes leaves no token.
    if covers:
        raise BadChars("the class excludes every character")
    return ALL & ~(found & ~(1 << _OTHERS))


def _ranges(codes: list[int]) -> tuple[Chars, bool]:
    """The characters, and whether all of ASCII that can be printed is among them."""
    found, at = 0, 0
    while at < len(codes):
        first = last = codes[at]
        at += 1
        if at + 1 < len(codes) and codes[at] == _DASH:
            last, at = codes[at + 1], at + 2
        if last < first:
            raise BadChars("a range runs backwards")
        low, high = max(first, 1), min(last, _LAST)
        if low > high or (low in _SURROGATES and high in _SURROGATES):
            continue
        low, high = min(low, _OTHERS), min(high, _OTHERS)
        found |= ((1 << (high - low + 1)) - 1) << low
    printed = sum(1 << code for code in range(0x20, 0x7F))
    return found, found & printed == printed


_DASH = -1
"""A dash that makes a range; an escaped one is a character."""


def _codes(text: str, *, dashes: bool = False) -> Iterator[int]:
    at = 0
    while at < len(text):
        match = _CHAR.match(text, at)
        if match is None:
            raise BadChars(f"unknown escape {text[at : at + 2]!r}")
        at = match.end()
        if match["plain"] == "-" and dashes and 0 < match.start() < len(text) - 1:
            yield _DASH
            continue
        yield _code(match)


def _code(match: re.Match[str]) -> int:
    digits = match["x"] or match["u"] or match["U"]
    if digits:
        return int(digits, 16)
    if match["escaped"]:
        return ord(_ESCAPED.get(match["escaped"], match["escaped"]))
    return ord(match["plain"])


def _is_text(code: int) -> bool:
    return 0 < code <= _LAST and code not in _SURROGATES


def _bit(code: int) -> Chars:
    return 1 << min(code, _OTHERS)
