"""Which schemas does llama-server read of a JSON schema, in which depth, and how often?

It follows `properties`, `items` and the like, alternatives, and each `$ref` once, wherever in the
document that leads. What is reached by none of these is never read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from llmstack.engines.llamacpp.unfit import Unfit

DEEPEST = 50
"""Schemas within schemas."""
LONGEST_CHAIN = 1500
"""Schemas that are read within each other, references included: each is a call within a call."""
MOST_SCHEMAS = 10_000

ALTERNATIVES = ("anyOf", "oneOf", "allOf")
Schema = Mapping[str, Any]


class Part(NamedTuple):
    """A schema of a document. `copies`: {"type": ["a", "b"]} is read once for each type."""

    schema: Schema
    depth: int
    copies: int


class Document:
    """A whole schema. Raises Unfit as soon as it proves to be too large or refers to nothing."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self.parts = list(self._read(root))

    def target(self, reference: Any) -> Schema:
        """What is referred to, found as the server finds it: no escapes. Raises Unfit."""
        shown = str(reference)[:80]
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise Unfit(f"$ref '{shown}' must begin with '#/': write what it means into $defs")
        found: Any = self._root
        for name in reference[2:].split("/"):
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise Unfit(f"$ref '{shown}' leads to nothing")
        if not isinstance(found, Mapping):
            raise Unfit(f"$ref '{shown}' leads to no schema")
        return found

    def at_once(self, schema: Schema) -> list[Schema]:
        """The schemas that stand for it, before anything is written."""
        if "$ref" in schema:
            return [self.target(schema["$ref"])]
        return [
            option
            for name in ALTERNATIVES
            for option in _list(schema.get(name))
            if isinstance(option, Mapping)
        ]

    def below(self, schema: Schema) -> list[Schema]:
        """All schemas that are read for it."""
        if "$ref" in schema:
            return self.at_once(schema)
        return [*self.at_once(schema), *(s for s in _written(schema) if isinstance(s, Mapping))]

    def _read(self, root: Schema) -> Iterator[Part]:
        targets: set[int] = set()
        waiting = [Part(root, 1, 1)]
        schemas = chain = 0
        while waiting:
            part = waiting.pop()
            schemas += part.copies
            if schemas > MOST_SCHEMAS:
                raise Unfit(f"a schema may have at most {MOST_SCHEMAS} parts")
            if part.depth > DEEPEST:
                raise Unfit(f"a schema may be at most {DEEPEST} schemas deep")
            yield part
            if "$ref" in part.schema:
                target = self.target(part.schema["$ref"])
                if id(target) in targets:
                    continue
                targets.add(id(target))
                chain += 1
                if chain > LONGEST_CHAIN // 10:
                    raise Unfit(f"a schema may refer to at most {LONGEST_CHAIN // 10} others")
                waiting.append(Part(target, 1, 1))
                continue
            kinds = part.schema.get("type")
            copies = part.copies * max(1, len(kinds) if isinstance(kinds, list) else 1)
            waiting += [Part(s, part.depth + 1, copies) for s in self.below(part.schema)]


def _written(schema: Schema) -> Iterator[Any]:
    """The schemas of what is written in it."""
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        yield from properties.values()
    yield schema.get("additionalProperties")
    for name in ("items", "prefixItems"):
        value = schema.get(name)
        yield from _list(value) if isinstance(value, list) else (value,)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
