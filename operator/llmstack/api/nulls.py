"""What does a field mean that is given as null?

Helm, kustomize and server-side apply write null for a value that nobody set, so it means the same
as a field that is left out. A field with a default gets it: that the API server does by itself. The
others may be null in the schema, in each rule `has` is false for them, and a parsed spec has none.
What is required stays so, and an item of a list is no field: it must not be null. Nor may a field
that the scale subresource reads.
"""

import re
from collections.abc import Collection
from typing import Any

from llmstack.api.base import VALIDATIONS

_CHOICES = "supported values: "
"""Begins the message of a rule that stands for an `enum`."""
_HAS = re.compile(r"has\((self(?:\.\w+)+)\)")


def forgiving(schema: dict[str, Any], but: Collection[str] = ()) -> dict[str, Any]:
    """The schema of an object that takes null for each field that may be left out.

    `but` names fields of the object itself that stay as they are.
    """
    node = {key: value for key, value in schema.items() if key not in ("properties", "items")}
    if VALIDATIONS in node:
        node[VALIDATIONS] = [_spared(rule) for rule in node[VALIDATIONS]]
    if isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = _nullable(forgiving(node["additionalProperties"]))
    if "properties" in schema:
        required = schema.get("required", ())
        node["properties"] = {
            name: forgiving(child)
            if name in required or name in but or "default" in child
            else _nullable(forgiving(child))
            for name, child in schema["properties"].items()
        }
    if "items" in schema:
        node["items"] = forgiving(schema["items"])
    return node


def choices(schema: dict[str, Any]) -> list[str]:
    """The values of which it must be one; none if it may be any of its type."""
    messages = (rule["message"] for rule in schema.get(VALIDATIONS, ()))
    by_rule = [words for words in messages if words.startswith(_CHOICES)]
    return schema.get("enum") or [
        choice for words in by_rule for choice in words.removeprefix(_CHOICES).split(", ")
    ]


def without_nulls(value: Any) -> Any:
    """The value without the fields that are null, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**_chosen_by_rule(schema), "nullable": True}


def _chosen_by_rule(schema: dict[str, Any]) -> dict[str, Any]:
    """Choices as a rule, which spares null: the API server takes none in an `enum`."""
    if "enum" not in schema:
        return schema
    some = schema["enum"]
    rule = {"rule": f"self in {some!r}", "message": f"{_CHOICES}{', '.join(some)}"}
    rest = {key: value for key, value in schema.items() if key != "enum"}
    rules = [rule, *schema.get(VALIDATIONS, [])]
    return {**rest, "maxLength": max(map(len, some)), VALIDATIONS: rules}


def _spared(rule: dict[str, str]) -> dict[str, str]:
    return {**rule, "rule": _HAS.sub(r"(has(\1) && dyn(\1) != null)", rule["rule"])}
