"""Which values are plainly within their bounds? Told from a small body's parsed values.

A field's check (checks.py) reads the bytes of its value, which have to be found first. Most fields
of most requests can be told to pass without: what is plain here passes there, and whatever is not
is left to the check, which has the last word and the words for it.
"""

from collections.abc import Callable
from typing import Any

from llmstack.engines.llamacpp.checks import (
    Check,
    Choice,
    Either,
    Flag,
    Of,
    Real,
    Text,
    Texts,
    Whole,
)
from llmstack.scan.outline import Kind

Plain = Callable[[Any, int, int], bool]
"""Whether a value is plain, in a body of so many bytes, with so many brackets that open."""

_NUMBERS = frozenset({int, float})
_CONTAINERS = frozenset({dict, list})
_LONGEST = 12
"""Bytes that a character may take, as two escapes."""
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.NUMBER: (int, float),
    Kind.OBJECT: (dict,),
    Kind.ARRAY: (list,),
    Kind.BOOLEAN: (bool,),
    Kind.NULL: (type(None),),
}


def plain(check: Check) -> Plain:
    """What tells whether a value plainly passes this check."""
    make: Callable[[Any], Plain] | None = _MAKERS.get(type(check))
    return make(check) if make is not None else _never


def _never(_value: Any, _size: int, _brackets: int) -> bool:
    return False


def _flag(_check: Flag) -> Plain:
    return lambda value, _size, _brackets: type(value) is bool


def _choice(check: Choice) -> Plain:
    options = check.options
    return lambda value, _size, _brackets: type(value) is str and value in options


def _whole(check: Whole) -> Plain:
    least, most = check.least, check.most
    return lambda value, _size, _brackets: type(value) is int and least <= value <= most


def _real(check: Real) -> Plain:
    least, most, step = check.least, check.most, check.least_step

    def fits(value: Any, _size: int, _brackets: int) -> bool:
        return type(value) in _NUMBERS and least <= value <= most and not 0 < abs(value) < step

    return fits


def _text(check: Text) -> Plain:
    most = check.most // _LONGEST
    return lambda value, _size, _brackets: type(value) is str and len(value) <= most


def _texts(check: Texts) -> Plain:
    most, entries, empty = check.most // _LONGEST, check.entries, check.empty
    # With the whitespace between them, which the check counts too.
    largest = entries * (6 * check.most + 16)

    def fits(value: Any, size: int, _brackets: int) -> bool:
        if type(value) is str:
            return check.alone and (empty or value != "") and len(value) <= most
        if type(value) is not list or len(value) > entries or size > largest:
            return False
        return all(type(each) is str and (empty or each) and len(each) <= most for each in value)

    return fits


def _of(check: Of) -> Plain:
    types = frozenset(kind for each in check.kinds for kind in _TYPES[each])
    depth, entries, most = check.depth, check.entries, check.size

    def fits(value: Any, size: int, brackets: int) -> bool:
        kind = type(value)
        if kind not in types or (most is not None and size > most):
            return False
        if kind is not list and kind is not dict:
            return entries is None
        return (brackets <= depth or _opens_few(value, depth)) and (
            entries is None or len(value) <= entries
        )

    return fits


def _opens_few(value: list[Any] | dict[str, Any], most: int) -> bool:
    """Whether no more than so many brackets open in it, so that it is no deeper either."""
    rest: list[Any] = [value]
    for each in rest:
        entries = each.values() if type(each) is dict else each
        rest += [entry for entry in entries if type(entry) in _CONTAINERS]
        if len(rest) > most:
            return False
    return True


def _either(check: Either) -> Plain:
    ways = [plain(each) for each in check.checks]
    return lambda value, size, brackets: any(way(value, size, brackets) for way in ways)


_MAKERS: dict[type, Callable[[Any], Plain]] = {
    Flag: _flag,
    Whole: _whole,
    Real: _real,
    Text: _text,
    Choice: _choice,
    Texts: _texts,
    Of: _of,
    Either: _either,
}
