"""What does a scan tell of a body? Places of its values, not the values.

{"model": "smol", "n": 2}
 ^key     ^start^end
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson


class Kind(StrEnum):
    """JSON's types, as messages name them."""

    STRING = "string"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    BOOLEAN = "boolean"
    NULL = "null"


class Span(NamedTuple):
    """One member of an object: its value is `body[start:end]`, quotes and brackets included.

    `name` is decoded. `key` is the offset of the opening quote of its name. `entries` counts the
    direct entries of an array or object, `depth` how many brackets are open at its deepest place
    (0: neither array nor object). `numbers`: an array with a number among its direct entries.
    """

    name: str
    kind: Kind
    key: int
    start: int
    end: int
    entries: int = 0
    depth: int = 0
    numbers: bool = False


class Outline(NamedTuple):
    """A whole body, which is one JSON object without repeated names at any depth.

    `members` are those of the outermost object, in their order. `nested` are the members of watched
    names anywhere below, in the order of their keys.
    """

    members: Mapping[str, Span]
    nested: tuple[Span, ...]

    @property
    def parsed(self) -> Mapping[str, Any] | None:
        """All values of the outermost object, where it was parsed to be outlined; else None."""
        return getattr(self.members, "parsed", None)

    @property
    def brackets(self) -> int:
        """At least how many brackets open in the body, where it was parsed; else 0."""
        return getattr(self.members, "brackets", 0)

    def place(self, name: str) -> tuple[int, int] | None:
        """Start and end of a value of the outermost object; None if it is absent."""
        parsed: Any = self.parsed
        if parsed is not None:
            members: Any = self.members
            place: tuple[int, int] | None = members.place(name) if name in parsed else None
            return place
        span = self.members.get(name)
        return (span.start, span.end) if span is not None else None

    def read(self, body: bytes | bytearray, name: str, most: int = 1024) -> Any:
        """A short value of the outermost object, parsed; None if it is absent or null.

        One of more than `most` bytes may be given as its Span, and so may arrays and objects.
        """
        known = self.parsed
        if known is not None:
            return known.get(name)
        span = self.members.get(name)
        if span is None or span.depth or span.end - span.start > most:
            return span
        return orjson.loads(memoryview(body)[span.start : span.end])
