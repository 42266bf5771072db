"""Where does a JSON schema lead back to itself, and may it?

{"$ref": "#/$defs/a"} where a is {"anyOf": [{"$ref": "#/$defs/a"}]}     consumes nothing: never ends
{"anyOf": [A, B]} where A and B both hold the whole once more           twice the places, each level

A schema that leads back through properties or items is fine: trees are made so.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from llmstack.engines.llamacpp.loops import components
from llmstack.engines.llamacpp.schema_parts import Document, Schema
from llmstack.engines.llamacpp.unfit import Unfit

MOST_PATHS = 1000
"""Ways through references and alternatives alone, before anything is written."""


def check_loops(document: Document) -> None:
    """Raises Unfit if a schema stands for itself, or leads back to itself in two like ways."""
    if not any("$ref" in part.schema for part in document.parts):
        return  # What is written out has an end, and leads nowhere back.
    paths: dict[int, int] = {}
    for part in document.parts:
        _count_paths(document, part.schema, paths)
    loop = _loops(document)
    for part in document.parts:
        if "$ref" not in part.schema:
            _check_alternatives(document, part.schema, loop)


def _loops(document: Document) -> dict[int, int]:
    """The number of its loop for each schema, by its id: what leads to each other is in one."""
    schemas = [part.schema for part in document.parts]
    return {
        id(schema): number
        for number, together in enumerate(components(schemas, document.below, id))
        for schema in together
    }


def _count_paths(document: Document, start: Schema, paths: dict[int, int]) -> None:
    """The number of ways from each schema through references and alternatives alone."""
    waiting = [(start, False)]
    entered: set[int] = set()
    while waiting:
        schema, done = waiting.pop()
        key = id(schema)
        if done:
            entered.discard(key)
            paths[key] = max(1, sum(paths[id(other)] for other in document.at_once(schema)))
            if paths[key] > MOST_PATHS:
                raise Unfit(f"alternatives within alternatives are more than {MOST_PATHS}")
        elif key in entered:
            raise Unfit("a $ref leads back to itself and to nothing else")
        elif key not in paths:
            entered.add(key)
            waiting.append((schema, True))
            waiting += [(s, False) for s in document.at_once(schema) if id(s) not in paths]


def _check_alternatives(document: Document, schema: Schema, loop: dict[int, int]) -> None:
    """Raises Unfit if two alternatives may begin alike and both lead back here."""
    for name in ("anyOf", "oneOf"):
        options = schema.get(name)
        if not isinstance(options, list) or len(options) < 2:
            continue
        own = loop[id(schema)]
        back = [o for o in options if isinstance(o, Mapping) and loop[id(o)] == own]
        if len(back) > 1 and not _differ([_meant(document, option) for option in back]):
            raise Unfit(
                f"two alternatives of {name} lead back to it and begin alike: let each begin "
                "with a required property that is a constant of its own"
            )


def _meant(document: Document, schema: Schema) -> Schema:
    """The schema at the end of references; those that never end were refused before."""
    while "$ref" in schema:
        schema = document.target(schema["$ref"])
    return schema


def _differ(options: Sequence[Schema]) -> bool:
    """Whether the first characters of each tell it from all others, or its first property does."""
    kinds = Counter(kind for option in options for kind in _kinds(option))
    objects = kinds.pop("object", 0)
    if any(count > 1 for count in kinds.values()):
        return False
    if objects < 2:
        return True
    first = [_first_property(option) for option in options if "object" in _kinds(option)]
    by_name = defaultdict[str | None, list[set[str]]](list)
    for name, values in first:
        by_name[name].append(values)
    return None not in by_name and all(map(_are_disjoint, by_name.values()))


def _are_disjoint(sets: Sequence[set[str]]) -> bool:
    """Whether no two of them have a value in common; one that is empty stands for all values."""
    return len(sets) < 2 or (all(sets) and len(set().union(*sets)) == sum(map(len, sets)))


_EVERY = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def _kinds(schema: Schema) -> frozenset[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return frozenset({kinds})
    if isinstance(kinds, list):
        return frozenset(map(str, kinds))
    if "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
        return _EVERY
    if "properties" in schema or "additionalProperties" in schema:
        return frozenset({"object"})
    return frozenset({"array"}) if "items" in schema or "prefixItems" in schema else _EVERY


def _first_property(schema: Schema) -> tuple[str | None, set[str]]:
    """The property that is always written first, and the constants that it may have."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        return None, set()
    wanted = {name for name in required if isinstance(name, str)}
    name = next((name for name in properties if name in wanted), None)
    found: Any = properties.get(name) if name is not None else None
    if not isinstance(found, Mapping):
        return name, set()
    values = [found["const"]] if "const" in found else found.get("enum")
    return name, {repr(value) for value in values} if isinstance(values, list) else set()
