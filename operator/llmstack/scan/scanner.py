"""What is in a JSON body that comes in pieces? Each piece is looked at once, as it comes.

    first ─> member ─ scalar, ',' ─> member ─ bracket that closes ─> after ─ ',' ─> member
                ├─ bracket that opens ─> first …             the same with `element` in an array
                └─ its value has not wholly come ─> value ─> string ─> after

Values become no objects: a step is one match of a pattern of `grammar`, and leads to the next step.
What is kept of a body are the spans that are asked for, and the names in objects that are open.
"""

import re
from collections.abc import Callable

import orjson

from llmstack.scan.faults import NotJSON, malformed
from llmstack.scan.found import Found, Frame
from llmstack.scan.grammar import KINDS, LENIENT, STRICT
from llmstack.scan.limits import LIMITS, ScanLimits
from llmstack.scan.outline import Kind, Outline, Span
from llmstack.scan.text import Text, sound

BOM = b"\xef\xbb\xbf"
PIECE = 4 * 1024
"""Bytes that are looked at in one go: some milliseconds at worst."""
_NAME_SHOWN = 100
_PER_NAME = 150
"""Bytes of memory, about, that a name in a set takes."""
_LONG_NAME = 256
_DIGIT = re.compile(rb"[0-9]")
_NUMBER = 3
"""The group of a number that may be too large, in `member` and `elements`; 1 alone: a bracket."""
_KIND_NUMBER = Kind.NUMBER
_COMMA, _QUOTE, _OBJECT, _ARRAY, _ARRAY_END = b',"{[]'

_Step = Callable[[int], int]
_MORE = -1
"""What a step gives that cannot go on with what has come."""


class Scanner:
    """Reads one body. `watched` are the names whose members are told wherever they are."""

    def __init__(self, watched: frozenset[str] = frozenset(), limits: ScanLimits = LIMITS) -> None:
        self._watched = frozenset(name.encode() for name in watched)
        self._limits = limits
        self._text = Text(b"", b"", controls=False)
        self._patterns = LENIENT
        self._base = 0  # offset in the body of what `_text` begins with
        self._carry = b""
        self._final = False
        self._step: _Step = self._begin
        self._open: list[Frame] = []
        self._frame = Frame(None, None, 0, 0)
        self._name: bytes | None = None  # of the value that comes next, if its span is asked for
        self._key = 0
        self._start = 0  # of a string that has not ended
        self._values = 0
        self._brackets = 0
        self._names = 0
        self._found = Found(limits)

    @property
    def held(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self._carry) + self._names * _PER_NAME + self._found.held

    def feed(self, chunk: bytes) -> None:
        """Takes what comes next. Raises NotJSON, after which nothing more may be fed."""
        for start in range(0, len(chunk), PIECE):
            self._take(chunk[start : start + PIECE])

    def finish(self) -> Outline:
        """What the body holds, now that all of it has come. Raises NotJSON."""
        self._final = True
        self._take(b"")
        return self._found.outline

    def _take(self, piece: bytes) -> None:
        data = self._carry + piece if self._carry else piece
        text = self._text = sound(data, self._base, self._final)
        self._patterns = STRICT if text.controls else LENIENT
        at = pos = 0
        while pos != _MORE:
            at, pos = pos, self._step(pos)
        if self._step != self._string:
            at = self._after_space(at)
        self._base += at
        self._carry = data[at:]
        self._check_token(self._base, len(self._carry))
        self._check_count("values", self._values, self._limits.values)
        self._check_count("arrays and objects", self._brackets, self._limits.brackets)

    # The steps: each begins at an offset of `_text`, and gives that where the next one begins

    def _begin(self, pos: int) -> int:
        """A mark of the byte order, which some editors write, is skipped."""
        raw = self._text.raw
        if len(raw) < len(BOM) and BOM.startswith(raw) and not self._final:
            return _MORE
        self._step = self._outermost
        return len(BOM) if raw.startswith(BOM) else 0

    def _outermost(self, pos: int) -> int:
        at, quotes = self._after_space(pos), self._text.quotes
        if at == len(quotes):
            return self._more(at, "an object must be")
        if quotes[at] != _OBJECT:
            raise NotJSON("The body must be a JSON object.", self._base + at)
        return self._opened(at, None, 0)

    def _first(self, pos: int) -> int:
        """Behind a bracket that has opened: another one may close it."""
        at, quotes = self._after_space(pos), self._text.quotes
        if at == len(quotes):
            return self._more(at, "a value or a closing bracket must be")
        if quotes[at] in b"]}":
            return self._closed(at + 1)
        self._step = self._element if self._frame.names is None else self._member
        return at

    def _member(self, pos: int) -> int:
        """All members up to one that opens a bracket, or that has not wholly come."""
        quotes, raw, match = self._text.quotes, self._text.raw, self._patterns.member.match
        names = self._frame.names
        assert names is not None
        asked, begun = len(self._open) == 1, pos
        while (found := match(quotes, pos)) is not None:
            start, end = found.span(1)
            name = raw[start:end]
            if name in names or b"\\" in name or end - start > _LONG_NAME:
                name = self._odd_name(name, start)
            self._take_name(name)
            pos = found.end()
            wanted = name if asked or name in self._watched else None
            group = found.lastindex
            if group == 1:
                return self._opened(pos - 1, wanted, self._base + start - 1)
            if wanted is not None or group == _NUMBER:
                self._key = self._base + start - 1
                self._scalar(*found.span(group or 0), wanted)
            if quotes[pos - 1] != _COMMA:
                return self._closed(pos)
        return pos if pos > begun else self._key_alone(pos)

    def _key_alone(self, pos: int) -> int:
        """A member of which the end is not in sight."""
        quotes = self._text.quotes
        found = self._patterns.key.match(quotes, pos)
        if found is None:
            partial = self._patterns.partial_key.match(quotes, pos)
            assert partial is not None
            return self._more(partial.end(), "a name and ':' must be")
        start, end = found.span(1)
        name = self._odd_name(self._text.raw[start:end], start)
        self._take_name(name)
        self._key = self._base + start - 1
        self._name = name if len(self._open) == 1 or name in self._watched else None
        self._step = self._value
        return found.end()

    def _element(self, pos: int) -> int:
        """All elements up to one that opens a bracket, or that has not wholly come."""
        quotes, frame = self._text.quotes, self._frame
        found = self._patterns.elements.match(quotes, pos)
        if found is None:
            return self._element_alone(pos)
        if found.end(1) > pos:
            self._several(pos, found.end(1))
        pos, group = found.end(), found.lastindex
        frame.count += 1
        self._values += 1
        if group == 1:
            return self._opened(pos - 1, None, 0)
        start, end = found.span(group or 0)
        if group == _NUMBER:
            self._check_number(start, end)
        if KINDS[self._text.quotes[start]] is _KIND_NUMBER:
            frame.numbers = True
        return pos if quotes[pos - 1] == _COMMA else self._closed(pos)

    def _element_alone(self, pos: int) -> int:
        """An element of which the end is not in sight; those before it were not counted yet."""
        several = self._patterns.several.match(self._text.quotes, pos)
        assert several is not None
        self._several(pos, several.end())
        self._name = None
        self._step = self._value
        return several.end()

    def _several(self, start: int, end: int) -> None:
        """Elements that each end with a comma."""
        between = self._text.quotes[start:end]
        if b'"' in between:
            between = b"".join(between.split(b'"')[::2])
        frame, count = self._frame, between.count(b",")
        frame.count += count
        self._values += count
        if not frame.numbers and _DIGIT.search(between):
            frame.numbers = True
        brackets = between.count(b"[") + between.count(b"{")
        if brackets:
            self._brackets += brackets
            frame.below = max(frame.below, 1)

    def _value(self, pos: int) -> int:
        quotes, frame = self._text.quotes, self._frame
        found = self._patterns.value.match(quotes, pos)
        if found is None:
            return self._value_goes_on(pos)
        if frame.names is None:
            frame.count += 1
            self._values += 1
        group = found.lastindex
        if group is None:
            return self._opened(found.end() - 1, self._name, self._key)
        kind = self._scalar(*found.span(group), self._name)
        if kind is Kind.NUMBER and frame.names is None:
            frame.numbers = True
        self._step = self._after
        return found.end()

    def _value_goes_on(self, pos: int) -> int:
        quotes = self._text.quotes
        partial = self._patterns.partial_value.match(quotes, pos)
        assert partial is not None
        start, at = self._after_space(pos), partial.end()
        if self._final or at < len(quotes) or start == at or quotes[start] != _QUOTE:
            return self._more(at, "a value must be")
        if self._frame.names is None:
            self._frame.count += 1
            self._values += 1
        self._start = self._base + start
        self._step = self._string
        return at

    def _string(self, pos: int) -> int:
        """On in a string that has begun in an earlier piece."""
        quotes = self._text.quotes
        if self._text.controls:
            text = self._patterns.text.match(quotes, pos)
            assert text is not None
            at = text.end()
        else:
            at = quotes.find(b'"', pos)
            at = len(quotes) if at < 0 else at
        if at == len(quotes):
            return at if at > pos else self._more(at, "the end of a string must be")
        if quotes[at] != _QUOTE:
            return self._more(at, "the end of a string must be")
        if self._name is not None:
            self._tell(self._name, Kind.STRING, self._start, self._base + at + 1)
        self._step = self._after
        return at + 1

    def _after(self, pos: int) -> int:
        """Behind an element or member."""
        found = self._patterns.after.match(self._text.quotes, pos)
        if found is None:
            return self._more(self._after_space(pos), "',' or a closing bracket must be")
        at = found.end()
        if self._text.quotes[at - 1] != _COMMA:
            return self._closed(at)
        self._step = self._element if self._frame.names is None else self._member
        return at

    def _end(self, pos: int) -> int:
        """Behind the outermost object."""
        at = self._after_space(pos)
        if at < len(self._text.quotes):
            raise malformed("text after the end of the object", self._base + at)
        return _MORE

    # What the steps do

    def _after_space(self, pos: int) -> int:
        space = self._patterns.space.match(self._text.quotes, pos)
        assert space is not None
        return space.end()

    def _more(self, at: int, expected: str) -> int:
        """Nothing is wrong up to `at`; if more may come, then beyond it neither."""
        if at < len(self._text.quotes) or self._final:
            raise malformed(f"{expected} there", self._base + at)
        return _MORE

    def _opened(self, at: int, name: bytes | None, key: int) -> int:
        start = self._base + at
        if len(self._open) == self._limits.depth:
            limit = self._limits.depth
            raise NotJSON(f"The body is nested too deeply: over {limit} levels.", start)
        self._brackets += 1
        names: set[bytes] | None = None if self._text.quotes[at] == _ARRAY else set()
        self._frame = Frame(names, name, key, start)
        self._open.append(self._frame)
        self._step = self._first
        return at + 1

    def _closed(self, pos: int) -> int:
        """By the bracket before `pos`."""
        frame = self._open.pop()
        if (self._text.quotes[pos - 1] == _ARRAY_END) != (frame.names is None):
            raise malformed("a bracket that closes none", self._base + pos - 1)
        if frame.names is not None:
            self._names -= len(frame.names)
        if not self._open:
            self._step = self._end
            return pos
        if frame.name is not None:
            self._found.add(frame.span(frame.name, self._base + pos), len(self._open) == 1)
        parent = self._frame = self._open[-1]
        parent.below = max(parent.below, frame.below + 1)
        self._step = self._after
        return pos

    def _odd_name(self, name: bytes, start: int) -> bytes:
        """The name decoded. Raises NotJSON: it is repeated, or too long."""
        key = self._base + start - 1
        self._check_token(key, len(name))
        if b"\\" in name:
            name = orjson.loads(b'"%b"' % name).encode()
        if self._frame.names is not None and name in self._frame.names:
            shown = name.decode()[:_NAME_SHOWN]
            raise NotJSON(f"The field '{shown}' is repeated in one object, at byte {key}.", key)
        return name

    def _take_name(self, name: bytes) -> None:
        names = self._frame.names
        assert names is not None
        names.add(name)
        self._names += 1
        self._values += 1

    def _scalar(self, start: int, end: int, name: bytes | None) -> Kind:
        quotes = self._text.quotes
        kind = KINDS[quotes[start]]
        if kind is Kind.NUMBER:
            self._check_number(start, end)
        if name is not None:
            self._tell(name, kind, self._base + start, self._base + end)
        return kind

    def _check_count(self, what: str, count: int, limit: int) -> None:
        if count > limit:
            raise NotJSON(f"The body may hold at most {limit} {what}.", self._base)

    def _check_number(self, start: int, end: int) -> None:
        self._check_token(self._base + start, end - start)
        if abs(float(self._text.quotes[start:end])) == float("inf"):
            raise malformed("a number that is too large", self._base + start)

    def _check_token(self, at: int, size: int) -> None:
        limit = self._limits.token
        if size > limit:
            raise NotJSON(f"A name or number may take at most {limit} bytes; byte {at}.", at)

    def _tell(self, name: bytes, kind: Kind, start: int, end: int) -> None:
        span = Span(name.decode(), kind, self._key, start, end)
        self._found.add(span, len(self._open) == 1)
