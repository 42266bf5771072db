"""What does a scan tell of a body? Places of its values, not the values.

{"model": "smol", "n": 2}
 ^key     ^start^end
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


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
    (0: neither array nor object).
    """

    name: str
    kind: Kind
    key: int
    start: int
    end: int
    entries: int = 0
    depth: int = 0


class Outline(NamedTuple):
    """A whole body, which is one JSON object without repeated names at any depth.

    `members` are those of the outermost object, in their order. `nested` are the members of watched
    names anywhere below, in the order of their keys.
    """

    members: Mapping[str, Span]
    nested: tuple[Span, ...]
