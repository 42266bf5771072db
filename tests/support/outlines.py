"""An outline of a small body, made with the standard library: what the scanner must find, too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, Final

from llmstack.scan.outline import Kind, Outline, Span

_KINDS: Final[dict[type, Kind]] = {
    str: Kind.STRING,
    bool: Kind.BOOLEAN,
    type(None): Kind.NULL,
    dict: Kind.OBJECT,
    list: Kind.ARRAY,
}
_BLANKS: Final = " \t\n\r"


def outline_of(body: bytes, watched: Iterable[str] = ()) -> Outline:
    """The outline of a body without repeated names; `watched` names are found at any depth."""
    text = body.decode()
    start = text.index("{")
    members = {span.name: span for span in _members(text, start)}
    names = frozenset(watched)
    nested = [span for member in members.values() for span in _below(text, member, names)]
    return Outline(
        {name: _in_bytes(text, span) for name, span in members.items()},
        tuple(_in_bytes(text, span) for span in nested),
    )


def _members(text: str, start: int) -> Iterator[Span]:
    at = _blank(text, start + 1)
    while text[at] != "}":
        key = at
        name, at = json.decoder.scanstring(text, key + 1)  # type: ignore[attr-defined]
        value_start = _blank(text, _blank(text, at) + 1)
        value, at = _value(text, value_start)
        yield Span(name, _kind(value), key, value_start, at, _entries(value), _depth(value))
        at = _blank(text, at)
        at = _blank(text, at + 1) if text[at] == "," else at


def _below(text: str, span: Span, watched: frozenset[str]) -> Iterator[Span]:
    if span.kind is Kind.OBJECT:
        for member in _members(text, span.start):
            if member.name in watched:
                yield member
            yield from _below(text, member, watched)
    elif span.kind is Kind.ARRAY:
        at = _blank(text, span.start + 1)
        while text[at] != "]":
            value, end = _value(text, at)
            yield from _below(text, Span("", _kind(value), at, at, end), watched)
            at = _blank(text, end)
            at = _blank(text, at + 1) if text[at] == "," else at


def _value(text: str, at: int) -> tuple[Any, int]:
    value, end = py_make_scanner(json.JSONDecoder())(text, at)
    return value, end


def _blank(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


def _kind(value: Any) -> Kind:
    return _KINDS.get(type(value), Kind.NUMBER)


def _entries(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    below = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, below), default=0)


def _in_bytes(text: str, span: Span) -> Span:
    key, start, end = (len(text[:at].encode()) for at in (span.key, span.start, span.end))
    return span._replace(key=key, start=start, end=end)
