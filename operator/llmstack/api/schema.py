"""Which structural schema, in the sense of Kubernetes, describes a model of the API?

pydantic writes JSON Schema; an API server takes a part of OpenAPI v3 in which each node has one
type. So references are put in place, `anyOf` with null becomes an optional field, and patterns,
whose failure a user would have to read as a regular expression, become CEL rules in words.
"""

from typing import Any

from pydantic import BaseModel

from llmstack.api.base import NOT_STORED, VALIDATIONS, WORDS

Schema = dict[str, Any]

_INT_OR_STRING = "x-kubernetes-int-or-string"
(_NOT_STORED,) = NOT_STORED
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


def structural(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a pydantic model."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _node(whole, whole.pop("$defs", {}))


def _node(node: Schema, definitions: Schema) -> Schema:
    """One node and all below it. Later steps rely on what earlier ones put in place."""
    node = _in_place(node, definitions)
    node = _optional(node, definitions)
    node.pop("title", None)
    node = _mapping(node)
    node = _in_words(node)
    node = _free(node)
    node = _default(node)
    for key in ("items", "additionalProperties"):
        if key in node:
            node[key] = _node(node[key], definitions)
    if "properties" in node:
        node["properties"] = {
            name: _node(child, definitions) for name, child in node["properties"].items()
        }
    return node


def _in_place(node: Schema, definitions: Schema) -> Schema:
    """Without `$ref`. What stands beside it is about the field, and wins."""
    if "$ref" not in node:
        return dict(node)
    name = node["$ref"].rsplit("/", 1)[1]
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return _merge(definitions[name], beside)


def _optional(node: Schema, definitions: Schema) -> Schema:
    """A field that may be left out: the API server drops it when null, it need not allow null."""
    if "anyOf" not in node:
        return node
    (only,) = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
    beside = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return _merge(_in_place(only, definitions), beside)


def _merge(kind: Schema, field: Schema) -> Schema:
    """What is said of a kind of value, and of the field that holds it: the field's words win, the
    rules of both hold.
    """
    rules = [*kind.get(VALIDATIONS, []), *field.get(VALIDATIONS, [])]
    return {**kind, **field, **({VALIDATIONS: rules} if rules else {})}


def _mapping(node: Schema) -> Schema:
    """A map. Structural schemas know no schema of keys, so a rule checks them."""
    names = node.pop("propertyNames", {})
    for pattern, values in node.pop("patternProperties", {}).items():
        node["additionalProperties"] = values
        length = names["maxLength"]
        _add_rule(
            node,
            f"self.all(key, key.size() <= {length} && key.matches('{_quoted(pattern)}'))",
            names[WORDS],
        )
    return node


def _in_words(node: Schema) -> Schema:
    """Without `pattern`. A rule of the same content has words; a quantity brings its own."""
    pattern = node.pop("pattern", None)
    words = node.pop(WORDS, None)
    if pattern and words:
        _add_rule(node, f"self.matches('{_quoted(pattern)}')", words)
    if _INT_OR_STRING in node:
        del node["type"]
    return node


def _free(node: Schema) -> Schema:
    """A part that is passed on as it is, of any content."""
    if _PRESERVE in node:
        node.pop("additionalProperties")
    return node


def _default(node: Schema) -> Schema:
    """A default object is empty: the defaults of its fields fill it. Some are not to be stored."""
    if node.pop(_NOT_STORED, False):
        del node["default"]
    if "properties" in node and node.get("default"):
        node["default"] = {}
    return node


def _add_rule(node: Schema, rule: str, message: str) -> None:
    node[VALIDATIONS] = [{"rule": rule, "message": message}, *node.get(VALIDATIONS, [])]


def _quoted(pattern: str) -> str:
    """Escape a pattern for a CEL string in single quotes."""
    return pattern.replace("\\", "\\\\").replace("'", "\\'")
