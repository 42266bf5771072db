"""Which JSON schemas may reach a server?"""

from typing import Any

import pytest

from llmstack.engines.llamacpp.schema import Budget, check_schema
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.engines.llamacpp.values import RESPONSE_FORMAT, SCHEMA, TEXT_FORMAT, TOOLS
from llmstack.scan.outline import Span
from tests.support.outlines import outline_of

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 100},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "children"],
        }
    },
    "$ref": "#/$defs/node",
}


def kind(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": name}, "left": {"$ref": "#/$defs/expr"}},
        "required": ["type", "left"],
    }


EXPRESSION = {
    "$defs": {
        "expr": {"anyOf": [kind("add"), kind("mul"), {"type": "number"}]},
    },
    "$ref": "#/$defs/expr",
}
ANYTHING = {
    "$defs": {
        "json": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"$ref": "#/$defs/json"}},
                {"type": "object", "additionalProperties": {"$ref": "#/$defs/json"}},
            ]
        }
    },
    "$ref": "#/$defs/json",
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        TREE,
        EXPRESSION,
        ANYTHING,
        {"type": "string", "pattern": r"^[a-z]{2,5}-\d+$"},
        {"type": "string", "pattern": r"^(\([0-9]{3}\))?[0-9]{3}-[0-9]{4}$"},
        {"type": "string", "pattern": "anything{5,2}"},
        {"type": "string", "maxLength": 65535, "minLength": 1},
        {"type": "string", "maxLength": 2**31 - 1},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"type": "array", "minItems": 1, "maxItems": 5, "items": {"type": "integer"}},
        {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(100)}},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"default": {"default": {"$ref": "nothing"}}}},
        {"const": {"$ref": "nothing"}},
    ],
)
def test_schemas_that_people_write_are_let_through(schema):
    check_schema(schema, Budget())


def deep(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def bomb(depth: int) -> dict[str, Any]:
    """Read once for each type, with all below."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": ["object", "array", "null"], "properties": {"a": schema}}
    return schema


def doubling(depth: int) -> dict[str, Any]:
    defs = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{depth}": {"type": "string"}}}


def refs(count: int) -> dict[str, Any]:
    defs: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(count)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{count}": {"type": "string"}}}


def like(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [first, second]}}}


A = {"$ref": "#/$defs/a"}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (deep(60), "50 schemas deep"),
        (bomb(12), "at most 10000 parts"),
        (doubling(20), "alternatives within alternatives"),
        (refs(1000), "refer to at most"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength is above maxLength"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "minItems is above maxItems"),
        ({"type": "string", "maxLength": 1_000_000_000}, "maxLength must be"),
        ({"type": "string", "maxLength": 1e9}, "maxLength must be"),
        ({"type": "string", "minLength": 100_000}, "minLength must be"),
        ({"type": "array", "minItems": 100_000}, "minItems must be"),
        ({"type": "array", "maxItems": -1}, "maxItems must be"),
        ({"type": "array", "maxItems": "5"}, "maxItems must be"),
        ({"type": "array", "maxItems": None}, "maxItems must be"),
        ({"properties": {f"p{n}": {} for n in range(301)}}, "at most 300 properties"),
        ({"enum": list(range(1001))}, "enum may have at most"),
        ({"enum": ["x" * 121_000]}, "at most 120000 characters"),
        ({"const": "x" * 121_000}, "at most 120000 characters"),
        ({"anyOf": [{"type": "string"}] * 1001}, "anyOf may have at most"),
        ({"type": ["string", "string"]}, "same kind twice"),
        ({"pattern": 5}, "must be a string"),
        ({"pattern": "^" + "a" * 1000 + "$"}, "at most 1000 characters"),
        ({"pattern": "^" + "(" * 21 + ")" * 21 + "$"}, "at most 20 deep"),
        ({"pattern": "^a{1,100000}$"}, "more than 2000 times"),
        ({"pattern": "^a{ 5 , 2 }$"}, "wrong way round"),
        ({"pattern": "^a{-5}$"}, "more than 2000 times"),
        ({"pattern": "^" + "(a{2000}b)" * 80 + "$"}, "repeat at most"),
        ({"pattern": "^[z-a]$"}, "matches nothing"),
        ({"pattern": "^[]$"}, "matches nothing"),
        ({"$ref": "https://example.com/schema.json"}, "must begin with '#/'"),
        ({"$ref": "#"}, "must begin with '#/'"),
        ({"$ref": 5}, "must begin with '#/'"),
        ({"$ref": "#/$defs/a"}, "leads to nothing"),
        ({"$ref": "#/a/5", "a": []}, "leads to nothing"),
        ({"$ref": "#/a", "a": 5}, "leads to no schema"),
        # The server follows each of these for ever.
        ({"$ref": "#/$defs/a", "$defs": {"a": A}}, "to nothing else"),
        (
            {"allOf": [A], "$defs": {"a": {"$ref": "#/$defs/b"}, "b": A}},
            "to nothing else",
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [A, {"type": "null"}]}}}, "nothing else"),
        # What is referred to is read wherever it stands.
        ({"$ref": "#/x", "x": {"minLength": 5, "maxLength": 2}}, "minLength is above"),
        ({"$ref": "#/x/0", "x": [{"pattern": "^a{5,2}$"}]}, "wrong way round"),
        # Two ways back that begin alike.
        (like({"type": "array", "items": A}, {"type": "array", "items": A}), "begin alike"),
        (
            like({"type": "object", "properties": {"x": A}}, {"additionalProperties": A}),
            "begin alike",
        ),
        (like(kind("add") | {"required": []}, kind("mul")), "leads to nothing|begin alike"),
        (
            {
                "$ref": "#/$defs/expr",
                "$defs": {"expr": {"oneOf": [kind("add"), kind("add")]}},
            },
            "begin alike",
        ),
    ],
)
def test_what_would_stop_or_fill_a_server_is_refused(schema, says):
    with pytest.raises(Unfit, match=says):
        check_schema(schema, Budget())


BAD = '{"minLength": 5, "maxLength": 2}'


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (SCHEMA, "BAD"),
        (RESPONSE_FORMAT, '{"type": "json_schema", "json_schema": {"schema": BAD}}'),
        (RESPONSE_FORMAT, '{"type": "json_object", "schema": BAD}'),
        (TEXT_FORMAT, '{"format": {"type": "json_schema", "schema": BAD}}'),
        (TOOLS, '[{"type": "function", "function": {"name": "a", "parameters": BAD}}]'),
        (TOOLS, '[{"type": "function", "name": "a", "parameters": BAD}]'),
        (TOOLS, '[{"type": "function", "name": "a", "parameters": BAD, "function": {}}]'),
        (TOOLS, '[{"name": "a", "input_schema": BAD, "function": {"name": "a"}}]'),
        (TOOLS, '[{"name": "a", "input_schema": {"properties": {"b": BAD}}}]'),
    ],
)
def test_a_schema_is_found_wherever_a_server_looks_for_it(check, value):
    body = b'{"f": %s}' % value.replace("BAD", BAD).encode()

    complaint = check(body, outline_of(body).members["f"])

    assert complaint is not None
    assert "minLength is above maxLength" in complaint


def test_all_tools_share_one_budget():
    one = '{"name": "a%d", "input_schema": {"enum": ["%s"]}}'
    body = b'{"f": [%s]}' % ", ".join(one % (n, "x" * 50_000) for n in range(3)).encode()

    assert "at most 120000 characters" in str(TOOLS(body, span_of(body)))


def span_of(body: bytes) -> Span:
    return outline_of(body).members["f"]


def test_what_was_let_through_is_known_again_and_what_was_not_is_judged_again():
    good = b'[{"name": "a", "input_schema": {"enum": ["%s"]}}]' % (b"x" * 600)
    bad = good.replace(b'"enum"', b'"minLength": 5, "maxLength": 2, "enum"')

    for _ in range(2):
        for text, fits in ((good, True), (bad, False)):
            body = b'{"f": %b}' % text
            assert (TOOLS(body, span_of(body)) is None) is fits
