"""May this JSON schema reach llama-server, which makes a grammar of it?

The bounds are about OpenAI's own for structured outputs, or wider. Beyond them stands what has no
bound in the server: schema_loops.py.
"""

from collections.abc import Mapping
from typing import Any

from llmstack.engines.llamacpp.pattern import check_pattern
from llmstack.engines.llamacpp.schema_loops import check_loops
from llmstack.engines.llamacpp.schema_parts import MOST_SCHEMAS, Document, Schema
from llmstack.engines.llamacpp.unfit import Unfit

MOST_PROPERTIES = 300
"""Of one object: the server's work grows with their third power."""
MOST_VALUES = 1000
"""Of one enum, and alternatives of one anyOf."""
LONGEST_VALUES = 120_000
"""Characters of all names, constants and enums."""
MOST_ELEMENTS = 200_000
_MOST_LEAST = 2000
_MOST_MOST = 1_000_000
_NO_MOST = 2**31 - 1
"""Generators write it where there is no bound."""


class Budget:
    """What is left for all schemas of a body. Each taking raises Unfit if nothing is left."""

    def __init__(self) -> None:
        self._schemas = MOST_SCHEMAS
        self._elements = MOST_ELEMENTS
        self._characters = LONGEST_VALUES

    def schemas(self, count: int) -> None:
        self._schemas -= count
        if self._schemas < 0:
            raise Unfit(f"the schemas of a request may have at most {MOST_SCHEMAS} parts")

    def elements(self, count: int) -> None:
        self._elements -= count
        if self._elements < 0:
            raise Unfit(f"the schemas of a request may repeat at most {MOST_ELEMENTS} characters")

    def characters(self, count: int) -> None:
        self._characters -= count
        if self._characters < 0:
            raise Unfit(
                "names and constants in the schemas of a request may have at most "
                f"{LONGEST_VALUES} characters"
            )


def check_schema(schema: Any, budget: Budget) -> None:
    """Raises Unfit, its message what is wrong, without the name of the field."""
    if not isinstance(schema, Mapping):
        return  # The server takes objects only, and says so.
    document = Document(schema)
    for part in document.parts:
        budget.schemas(part.copies)
        _check_kinds(part.schema)
        _check_entries(part.schema, budget)
        budget.elements(_elements(part.schema) * part.copies)
    check_loops(document)


def _check_kinds(schema: Schema) -> None:
    kinds = schema.get("type")
    if isinstance(kinds, list) and len({str(kind) for kind in kinds}) < len(kinds):
        raise Unfit("a type names the same kind twice")


def _check_entries(schema: Schema, budget: Budget) -> None:
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        if len(properties) > MOST_PROPERTIES:
            raise Unfit(f"an object may have at most {MOST_PROPERTIES} properties")
        budget.characters(sum(map(len, properties)))
    for name in ("enum", "anyOf", "oneOf", "allOf", "prefixItems", "items", "required"):
        entries = schema.get(name)
        if isinstance(entries, list) and len(entries) > MOST_VALUES:
            raise Unfit(f"{name} may have at most {MOST_VALUES} entries")
    values = schema.get("enum")
    constants = values if isinstance(values, list) else []
    budget.characters(sum(len(str(value)) for value in (*constants, schema.get("const", ""))))


def _elements(schema: Schema) -> int:
    """The number of places that the server's grammar has for its repetitions."""
    elements = _bounds(schema, "minLength", "maxLength") + _bounds(schema, "minItems", "maxItems")
    pattern = schema.get("pattern")
    if pattern is None:
        return elements
    if not isinstance(pattern, str):
        raise Unfit("a pattern must be a string")
    return elements + check_pattern(pattern)


def _bounds(schema: Schema, least: str, most: str) -> int:
    low, high = _count(schema, least, _MOST_LEAST), _count(schema, most, _MOST_MOST)
    if low is not None and high is not None and low > high:
        raise Unfit(f"{least} is above {most}")
    # Beyond the engine's own limit of repetitions, a most is no bound to it.
    return 8 * max(low or 0, high if high is not None and high <= _MOST_LEAST else 0)


def _count(schema: Schema, name: str, limit: int) -> int | None:
    value = schema.get(name)
    if name not in schema or (value == _NO_MOST and limit == _MOST_MOST):
        return None
    if type(value) is not int or not 0 <= value <= limit:
        raise Unfit(f"{name} must be a whole number from 0 to {limit}")
    return value
