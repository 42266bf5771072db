"""Where does a JSON schema lead back to itself, and may it?

{"$ref": "#/$defs/a"} where a is {"anyOf": [{"$ref": "#/$defs/a"}]}     consumes nothing: never ends
{"anyOf": [A, B]} where A and B both hold the whole once more           twice the places, each level

A schema that leads back through properties or items is fine: trees are made so.
"""

from collections.abc import Mapping
from typing import Any

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
    for part in document.parts:
        if "$ref" not in part.schema:
            _check_alternatives(document, part.schema)


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


def _check_alternatives(document: Document, schema: Schema) -> None:
    """Raises Unfit if two alternatives may begin alike and both lead back here."""
    for name in ("anyOf", "oneOf"):
        options = schema.get(name)
        if not isinstance(options, list) or len(options) < 2:
            continue
        back = [o for o in options if isinstance(o, Mapping) and _leads_to(document, o, schema)]
        meant = [_meant(document, option) for option in back]
        for at, option in enumerate(meant):
            if not all(_differ(option, other) for other in meant[at + 1 :]):
                raise Unfit(
                    f"two alternatives of {name} lead back to it and begin alike: let each begin "
                    "with a required property that is a constant of its own"
                )


def _leads_to(document: Document, start: Schema, end: Schema) -> bool:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        schema = waiting.pop()
        if schema is end:
            return True
        if id(schema) not in found:
            found.add(id(schema))
            waiting += document.below(schema)
    return False


def _meant(document: Document, schema: Schema) -> Schema:
    """The schema at the end of references; those that never end were refused before."""
    while "$ref" in schema:
        schema = document.target(schema["$ref"])
    return schema


def _differ(one: Schema, other: Schema) -> bool:
    """Whether the first characters tell them apart, or the first properties do."""
    kinds, other_kinds = _kinds(one), _kinds(other)
    if not kinds & other_kinds:
        return True
    if kinds & other_kinds != {"object"}:
        return False
    (name, values), (other_name, other_values) = _first_property(one), _first_property(other)
    if name is None or other_name is None:
        return False
    return name != other_name or bool(values and other_values and not values & other_values)


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
    name = next((name for name in properties if name in required), None)
    found: Any = properties.get(name) if name is not None else None
    if not isinstance(found, Mapping):
        return name, set()
    values = [found["const"]] if "const" in found else found.get("enum")
    return name, {repr(value) for value in values} if isinstance(values, list) else set()
