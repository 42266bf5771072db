"""How is a small body that came in one piece read faster than byte by byte?

orjson makes objects of it, which are small, and tells whether it is JSON; written again, it has as
many quotes as before unless a repeated name was dropped. What orjson cannot tell goes to the
scanner, which has the last word: `outline_of` gives and raises what a Scanner would.
"""

import re
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from functools import lru_cache
from typing import Any

import orjson

from llmstack.scan.grammar import KINDS
from llmstack.scan.limits import LIMITS
from llmstack.scan.outline import Outline, Span
from llmstack.scan.scanner import Scanner

SMALL = LIMITS.token
"""Bytes. A body of that size exceeds no limit but those of depth and of spans."""
_DEEPEST = 8
_BLOT = b"__"


def outline_of(body: bytes | bytearray, watched: frozenset[str] = frozenset()) -> Outline:
    """The outline of a whole body. Raises NotJSON."""
    seen = at_sight(body, watched)
    if seen is not None:
        return seen
    scanner = Scanner(watched)
    scanner.feed(bytes(body))
    return scanner.finish()


def at_sight(body: bytes | bytearray, watched: frozenset[str] = frozenset()) -> Outline | None:
    """The same for most small bodies. None: a scanner has to look at it."""
    if len(body) > SMALL:
        return None
    body = bytes(body)
    try:
        fields = orjson.loads(body)
        written = orjson.dumps(fields)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    if not isinstance(fields, dict) or len(fields) > LIMITS.members:
        return None
    if written != body and _drops(body, written):
        return None
    brackets = _brackets(body, fields, watched)
    return Outline(ParsedMembers(body, fields, brackets), ()) if brackets != _WATCHED else None


def _brackets(body: bytes, fields: dict[str, Any], watched: frozenset[str]) -> int:
    """How many brackets open in it, at most; _WATCHED: there may be a watched name."""
    if not _may_hold(body, watched):
        return body.count(b"{") + body.count(b"[")
    return _walked(fields, watched)


def _walked(fields: dict[str, Any], watched: frozenset[str]) -> int:
    """How many brackets open in it. _WATCHED: a watched name is there, or too many brackets."""
    rest: list[Any] = [fields]
    for value in rest:
        if type(value) is dict and not watched.isdisjoint(value):
            return _WATCHED
        entries = value.values() if type(value) is dict else value
        rest += [entry for entry in entries if type(entry) in _CONTAINERS]
        if len(rest) > _FEW:
            return _WATCHED
    return len(rest)


def _drops(body: bytes, written: bytes) -> bool:
    """Whether a repeated name was dropped, and two quotes with it."""
    if _ESCAPED_QUOTE in body:  # It is written as a quote, and would make up for one.
        return _quotes(body).count(b'"') != _quotes(written).count(b'"')
    return body.count(b'"') != written.count(b'"')


def _quotes(text: bytes) -> bytes:
    """Sound JSON in which every quote begins or ends a string."""
    if b"\\" not in text:
        return text
    return text.replace(b"\\\\", _BLOT).replace(b'\\"', _BLOT)


def _may_hold(body: bytes, names: frozenset[str]) -> bool:
    """True if one of the names may be there: as a string, or spelt with escapes."""
    return _any_of(names).search(body) is not None or _has_escaped_name(body)


def _has_escaped_name(body: bytes) -> bool:
    """True if there is a name in which a letter may be spelt with an escape."""
    return b"\\u00" in body and _ESCAPED_NAME.search(body) is not None


_CONTAINERS = frozenset({dict, list})
_FEW = 100
"""Brackets; with more of them, a scanner looks whether one has a watched name."""
_WATCHED = -1
_ESCAPED_QUOTE = b"\\u0022"
_ESCAPED_NAME = re.compile(rb'\\u00[0-9a-fA-F]{2}[^"\\]*+"[ \t\n\r]*+:')
_COLON = re.compile(rb"[ \t\n\r]*+:[ \t\n\r]*+")
_SPACE = b" \t\n\r"


@lru_cache(8)
def _any_of(names: frozenset[str]) -> re.Pattern[bytes]:
    """One of these as a string. A pattern that begins with a quote skips what is between quotes."""
    return re.compile(b'"(?:%b)"' % b"|".join(re.escape(name.encode()) for name in sorted(names)))


class ParsedMembers(Mapping[str, Span]):
    """The members of an outermost object whose values are known: `parsed`, by name.

    Names cost nothing; the first span that is asked for has all of them looked for. `brackets` is
    at least how many open in the body.
    """

    __slots__ = ("_body", "_spans", "brackets", "parsed")

    def __init__(self, body: bytes, parsed: dict[str, Any], brackets: int) -> None:
        self.parsed = parsed
        self.brackets = brackets
        self._body = body
        self._spans: Mapping[str, Span] | None = None

    def __len__(self) -> int:
        return len(self.parsed)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parsed)

    def __contains__(self, name: object) -> bool:
        return name in self.parsed

    def __getitem__(self, name: str) -> Span:
        if name not in self.parsed:
            raise KeyError(name)
        return self._all()[name]

    def place(self, name: str) -> tuple[int, int]:
        """Start and end of a value that is there, for less than its span costs."""
        if self._spans is None and not _has_escaped_name(self._body):
            key = self._key(name)
            if key is not None:
                start = _COLON.match(self._body, key + len(name.encode()) + 2)
                end = self._end(name)
                if start is not None and end is not None:
                    return start.end(), end
        span = self._all()[name]
        return span.start, span.end

    def _key(self, name: str) -> int | None:
        """Where a name begins; None: it may be one of several places."""
        token = b'"%b"' % name.encode()
        place = self._body.find(token)
        return place if place >= 0 and self._body.find(token, place + 1) < 0 else None

    def _end(self, name: str) -> int | None:
        """Where its value ends: before what comes next."""
        names = list(self.parsed)
        following = names.index(name) + 1
        if following == len(names):
            upto = self._body.rindex(b"}")
        else:
            key = self._key(names[following])
            if key is None:
                return None
            upto = self._body.rindex(b",", 0, key)
        while self._body[upto - 1] in _SPACE:
            upto -= 1
        return upto

    # Mapping's own would ask for one after the other.

    def items(self) -> ItemsView[str, Span]:
        return self._all().items()

    def values(self) -> ValuesView[Span]:
        return self._all().values()

    def _all(self) -> Mapping[str, Span]:
        if self._spans is None:
            self._spans = self._found() or _scanned(self._body)
        return self._spans

    def _found(self) -> dict[str, Span] | None:
        """None: something is nested too deeply for a pattern."""
        spans: dict[str, Span] = {}
        quotes = _quotes(self._body)
        place = quotes.index(b"{") + 1
        for name, value in self.parsed.items():
            found = _MEMBER.match(quotes, place)
            if found is None:
                return None
            place, group = found.end(), found.lastindex or 0
            start, end = found.span(group)
            kind, count, depth, numbers = KINDS[quotes[start]], 0, 0, False
            if group != _SCALAR:
                count, depth = len(value), group - _SCALAR
                numbers = type(value) is list and not _NUMBERS.isdisjoint(map(type, value))
            spans[name] = _new(
                Span, (name, kind, found.start(1), start, end, count, depth, numbers)
            )
        return spans


def _scanned(body: bytes) -> Mapping[str, Span]:
    scanner = Scanner()
    scanner.feed(body)
    return scanner.finish().members


def _container(depth: int) -> bytes:
    """A container of JSON that is known to be sound, with so many brackets open at most."""
    string, between = rb'"[^"]*+"', rb'[^"\[\]{}]*+'
    pattern = rb"[\[{]%b(?:%b%b)*+[\]}]" % (between, string, between)
    for _ in range(depth - 1):
        pattern = rb"[\[{]%b(?:(?:%b|%b)%b)*+[\]}]" % (between, string, pattern, between)
    return pattern


_new = tuple.__new__
"""Makes a Span in two thirds of the time that its own constructor takes."""
_NUMBERS = frozenset({int, float})
_SCALAR = 2
"""The group of a scalar; behind it there is one for each depth."""
_MEMBER = re.compile(
    rb'[ \t\n\r]*+(")[^"]*+"[ \t\n\r]*+:[ \t\n\r]*+(?:("[^"]*+"|[^"\[\]{}, \t\n\r]++)|%b)'
    rb"[ \t\n\r]*+[,}]" % b"|".join(b"(%b)" % _container(1 + n) for n in range(_DEEPEST))
)
