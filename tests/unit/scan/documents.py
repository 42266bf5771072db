"""JSON documents as clients write them, and what the standard library says is in them.

The reference shares no code with the scanner: `json` decides what is valid, and a plain walk over
the decoded text finds where each member is.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, NoReturn

from hypothesis import strategies as st

from llmstack.scan.outline import Kind, Outline, Span

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Refused(Exception):
    """The reference takes it for no JSON."""


def reference(body: bytes, watched: frozenset[str] = frozenset()) -> Outline:
    """The outline by other means. Raises Refused."""
    try:
        text = body.decode().removeprefix("\ufeff")
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_finite,
            object_pairs_hook=_once,
        )
        json.dumps(value, ensure_ascii=False).encode()  # Fails on half of a surrogate pair.
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    if not isinstance(value, dict):
        raise Refused("no object")
    walk = _Walk(body.decode(), watched)
    walk.value(len(body.decode()) - len(text), 0, None)
    return Outline(walk.members, tuple(sorted(walk.nested, key=lambda span: span.key)))


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(number: str) -> float:
    value = float(number)
    if abs(value) == float("inf"):
        raise ValueError("too large")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated")
    return dict(pairs)


class _Walk:
    """Finds the members of text that is valid."""

    def __init__(self, text: str, watched: frozenset[str]) -> None:
        self.text = text
        self.watched = watched
        self.members: dict[str, Span] = {}
        self.nested: list[Span] = []

    def value(self, at: int, level: int, member: tuple[str, int] | None) -> tuple[int, int, Kind]:
        """The end of the value at `at`, its depth and kind."""
        at = self.skip(at)
        count = depth = 0
        numbers = False
        first = self.text[at]
        if first in "[{":
            end, count, depth, numbers = self.entries(at, level)
            kind = Kind.ARRAY if first == "[" else Kind.OBJECT
        else:
            value, end = _DECODER.raw_decode(self.text, at)
            kind = _kind(value)
        if member is not None and (level == 1 or member[0] in self.watched):
            name, key = member
            offsets = [len(self.text[:place].encode()) for place in (key, at, end)]
            span = Span(name, kind, *offsets, count, depth, numbers)
            if level == 1:
                self.members[name] = span
            else:
                self.nested.append(span)
        return end, depth, kind

    def entries(self, at: int, level: int) -> tuple[int, int, int, bool]:
        count, deepest, numbers = 0, 0, False
        is_object = self.text[at] == "{"
        at = self.skip(at + 1)
        while self.text[at] not in "]}":
            member = None
            if is_object:
                name, end = _DECODER.raw_decode(self.text, at)
                member, at = (name, at), self.skip(end) + 1
            at, depth, kind = self.value(at, level + 1, member)
            count, deepest = count + 1, max(deepest, depth)
            numbers = numbers or (kind is Kind.NUMBER and not is_object)
            at = self.skip(at)
            if self.text[at] == ",":
                at = self.skip(at + 1)
        return at + 1, count, deepest + 1, numbers

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        assert found is not None
        return found.end()


def _kind(value: Any) -> Kind:
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOLEAN
    return Kind.STRING if isinstance(value, str) else Kind.NUMBER


# Documents

WATCHED = frozenset({"pattern", "n", "é"})
_NAMES = st.one_of(
    st.sampled_from(["model", "messages", "pattern", "n", "é", "a", "b", "\\", '"', ""]),
    st.text(max_size=4),
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",))),
    st.sampled_from(["\\", '"', "\\\\\\", "😀é", "pattern", "a" * 50]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=5)
_SPACES = st.sampled_from(["", "", "", " ", "\n", "\t \r\n", " " * 7])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """One object, written in any style."""
    text = _write(draw, draw(_OBJECTS))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.encode()


def _write(draw: st.DrawFn, value: Any) -> str:
    before, after = draw(_SPACES), draw(_SPACES)
    return before + _inner(draw, value) + after


def _inner(draw: st.DrawFn, value: Any) -> str:
    if isinstance(value, dict):
        members = (
            f"{draw(_SPACES)}{_string(draw, k)}{draw(_SPACES)}:{_write(draw, v)}"
            for k, v in value.items()
        )
        return "{" + (",".join(members) or draw(_SPACES)) + "}"
    if isinstance(value, list):
        return "[" + (",".join(_write(draw, entry) for entry in value) or draw(_SPACES)) + "]"
    if isinstance(value, str):
        return _string(draw, value)
    return json.dumps(value)


def _string(draw: st.DrawFn, text: str) -> str:
    """Plain, with escapes where they must be, or with every character escaped."""
    style = draw(st.integers(0, 2))
    if style == 2:
        units = text.encode("utf-16-be", "surrogatepass")
        pairs = (units[i : i + 2].hex() for i in range(0, len(units), 2))
        return '"' + "".join(f"\\u{pair}" for pair in pairs) + '"'
    return json.dumps(text, ensure_ascii=bool(style))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A document with some bytes removed, repeated or replaced."""
    body = bytearray(draw(documents()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        gone = draw(st.integers(0, 3))
        body[at : at + gone] = draw(_PARTS)
    return bytes(body)


_PARTS = st.one_of(
    st.sampled_from(list(b",:\"\\{}[]0-\n\x00\x7f\xff/'")).map(lambda byte: bytes([byte])),
    st.sampled_from([b"", b"01", b"1.", b"1e", b"1e999", b"true", b"NaN", b"//", b'"a":1,']),
    st.sampled_from([b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f", b"\xe2\x82"]),
    st.sampled_from([b"\\u", b"\\ud83d", b"\\ude00", b"\\u0062", b"\\x"]),
    st.binary(max_size=2),
)


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """The body in pieces, cut at these places."""
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]
