"""Which values may a field have? Each check returns what is wrong, or None.

A check reads the bytes of its own value only, and only as far as it must: the kind and the number
of entries are known from the outline.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

import orjson

from llmstack.scan.outline import Kind, Span

DEEPEST = 100
"""Levels of nesting; llama-server reads values by recursion."""


_WORTH_A_HASH = 512
"""Bytes; less is judged as fast as it is looked up."""
_MOST_KNOWN = 4096

Body = bytes | bytearray


class Check(Protocol):
    """Judges one value. `says` is what is allowed, in words that follow "must be"."""

    @property
    def says(self) -> str: ...

    def __call__(self, body: Body, span: Span) -> str | None:
        """What is wrong, as the end of a sentence that begins with the field's name."""


def value_of(body: Body, span: Span) -> Any:
    """The value as Python's objects: for those that are known to be small."""
    try:
        return orjson.loads(body[span.start : span.end])
    except orjson.JSONDecodeError:
        # Orjson takes no number beyond a float's range.
        return math.inf if span.kind is Kind.NUMBER else None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    says: str = "true or false"

    def __call__(self, body: Body, span: Span) -> str | None:
        return None if span.kind is Kind.BOOLEAN else f"must be {self.says}"


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds; 3.0 is one, as llama-server reads it."""

    least: int
    most: int

    @property
    def says(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def __call__(self, body: Body, span: Span) -> str | None:
        if span.kind is Kind.NUMBER:
            value = value_of(body, span)
            if self.least <= value <= self.most and value == int(value):
                return None
        return f"must be {self.says}"


@dataclass(frozen=True)
class Real:
    """A number within bounds. `least_step`: the smallest that is neither 0 nor refused."""

    least: float
    most: float
    least_step: float = 0.0

    @property
    def says(self) -> str:
        step = f", and 0 or at least {self.least_step:g}" if self.least_step else ""
        return f"a number from {self.least:g} to {self.most:g}{step}"

    def __call__(self, body: Body, span: Span) -> str | None:
        if span.kind is Kind.NUMBER:
            value = value_of(body, span)
            if self.least <= value <= self.most and not 0 < abs(value) < self.least_step:
                return None
        return f"must be {self.says}"


@dataclass(frozen=True)
class Text:
    """A string of so many bytes at most, quotes and escapes included."""

    most: int

    @property
    def says(self) -> str:
        return f"a string of at most {self.most} bytes"

    def __call__(self, body: Body, span: Span) -> str | None:
        if span.kind is Kind.STRING and span.end - span.start <= self.most + 2:
            return None
        return f"must be {self.says}"


@dataclass(frozen=True)
class Choice:
    """One of a few strings."""

    options: tuple[str, ...]

    @property
    def says(self) -> str:
        return "one of " + ", ".join(self.options)

    def __call__(self, body: Body, span: Span) -> str | None:
        short = span.kind is Kind.STRING and span.end - span.start < 100
        if short and value_of(body, span) in self.options:
            return None
        return f"must be {self.says}"


@dataclass(frozen=True)
class Texts:
    """An array of strings, or one string."""

    entries: int
    most: int
    alone: bool = True
    empty: bool = True

    @property
    def says(self) -> str:
        alone = "a string or " if self.alone else ""
        filled = "" if self.empty else ", none of them empty"
        return (
            f"{alone}an array of at most {self.entries} strings of at most {self.most} bytes each"
            f"{filled}"
        )

    def __call__(self, body: Body, span: Span) -> str | None:
        return None if self._fits(body, span) else f"must be {self.says}"

    def _fits(self, body: Body, span: Span) -> bool:
        size = span.end - span.start
        if span.kind is Kind.STRING and self.alone:
            return (self.empty or size > 2) and size <= self.most + 2
        if span.kind is not Kind.ARRAY or span.entries > self.entries or span.depth > 1:
            return False
        # Escapes make bytes longer, never shorter: what is larger than this cannot fit.
        if size > self.entries * (6 * self.most + 16):
            return False
        found = value_of(body, span)
        return isinstance(found, list) and all(map(self._entry, found))

    def _entry(self, text: Any) -> bool:
        return isinstance(text, str) and (self.empty or text != "") and len(text) <= self.most


@dataclass(frozen=True)
class Of:
    """Any value of these kinds, within the bounds; it is not read."""

    kinds: tuple[Kind, ...]
    depth: int = DEEPEST
    entries: int | None = None
    size: int | None = None

    @property
    def says(self) -> str:
        names = " or ".join(f"{_article(kind)} {kind}" for kind in self.kinds)
        bounds = [_levels(self.depth)] if _nests(self.kinds) else []
        bounds += [f"{self.entries} entries"] if self.entries is not None else []
        bounds += [f"{self.size} bytes"] if self.size is not None else []
        return names + (f" with at most {' and '.join(bounds)}" if bounds else "")

    def __call__(self, body: Body, span: Span) -> str | None:
        fits = (
            span.kind in self.kinds
            and span.depth <= self.depth
            and (self.entries is None or span.entries <= self.entries)
            and (self.size is None or span.end - span.start <= self.size)
        )
        return None if fits else f"must be {self.says}"


@dataclass(frozen=True)
class Either:
    """What one of several checks allows."""

    checks: tuple[Check, ...]

    @property
    def says(self) -> str:
        return ", or ".join(check.says for check in self.checks)

    def __call__(self, body: Body, span: Span) -> str | None:
        if any(check(body, span) is None for check in self.checks):
            return None
        return f"must be {self.says}"


@dataclass(frozen=True)
class Judged:
    """A value that `judge` reads whole: it returns what is wrong, as the end of a sentence."""

    says: str
    kinds: tuple[Kind, ...]
    size: int
    judge: Callable[[Any], str | None]
    depth: int = DEEPEST
    _harmless: dict[bytes, None] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, body: Body, span: Span) -> str | None:
        if span.kind not in self.kinds:
            return f"must be {self.says}"
        if span.end - span.start > self.size:
            return f"may have at most {self.size} bytes"
        if span.depth > self.depth:
            return f"may have at most {_levels(self.depth)}"
        if span.end - span.start < _WORTH_A_HASH:
            return self._judge(body[span.start : span.end])
        return self._judge_once(body[span.start : span.end])

    def knows(self, text: Body) -> bool:
        """Whether these very bytes have passed before."""
        return len(text) >= _WORTH_A_HASH and _digest(text) in self._harmless

    def _judge(self, text: Body) -> str | None:
        try:
            return self.judge(orjson.loads(text))
        except orjson.JSONDecodeError:  # A number beyond a float's range, half of a character.
            return f"must be {self.says}"

    def _judge_once(self, text: Body) -> str | None:
        """An agent sends the same tools with each turn: what was let through is known again."""
        digest = _digest(text)
        if digest in self._harmless:
            return None
        complaint = self._judge(text)
        if complaint is None:
            if len(self._harmless) >= _MOST_KNOWN:
                del self._harmless[next(iter(self._harmless))]
            self._harmless[digest] = None
        return complaint


def _digest(text: Body) -> bytes:
    return blake2b(text, digest_size=16).digest()


ANY = Of(tuple(Kind))
"""What llama-server does not read."""


def _nests(kinds: Iterable[Kind]) -> bool:
    return Kind.ARRAY in kinds or Kind.OBJECT in kinds


def _levels(depth: int) -> str:
    return f"{depth} level{'' if depth == 1 else 's'} of nesting"


def _article(kind: Kind) -> str:
    return "an" if kind[0] in "ao" else "a"
