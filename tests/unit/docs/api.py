"""What does docs/api.md say? Every field, from the same schema as the CRD."""

from __future__ import annotations

from collections.abc import Iterator

from llmstack.api.base import VALIDATIONS
from llmstack.api.crd import schema
from llmstack.api.explained import default, element, limits
from llmstack.api.resource import API_VERSION, KIND, SHORT_NAME
from llmstack.api.schema import Schema

_HEAD = f"""# API reference: {KIND}

<!-- Generated from operator/llmstack/api by `make pages`. Do not edit. -->

`apiVersion: {API_VERSION}`, `kind: {KIND}`, short name `{SHORT_NAME}`. `kubectl explain
{SHORT_NAME}.spec` prints the same descriptions. Required fields are in **bold**. The list below
each table contains the error messages that the API server returns for an invalid object, beyond
types and limits.
"""


def to_markdown() -> str:
    """The whole page."""
    root = schema()
    sections = [_rules(root)]
    for name in ("spec", "status"):
        sections.extend(_sections(name, root["properties"][name]))
    return "\n".join([_HEAD, *sections])


def _sections(path: str, node: Schema) -> Iterator[str]:
    """One section for this object and one for each object below it."""
    yield "\n".join([f"## {path}\n", node["description"], "", _table(node), _rules(node)])
    for name, child in node["properties"].items():
        below, suffix = element(child)
        if "properties" in below:
            yield from _sections(f"{path}.{name}{suffix}", _described(below, child))


def _described(below: Schema, field: Schema) -> Schema:
    """An element of a list is introduced as the field is."""
    return {**below, "description": field["description"]}


def _table(node: Schema) -> str:
    rows = [
        "| field | type | default | limits | |",
        "|---|---|---|---|---|",
        *(
            _row(f"**{name}**" if name in node.get("required", ()) else name, child)
            for name, child in node["properties"].items()
        ),
        "",
    ]
    return "\n".join(rows)


def _row(name: str, node: Schema) -> str:
    cells = [name, _type(node), default(node), limits(node), node["description"]]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rules(node: Schema) -> str:
    """What is demanded of this object, and then of each field that has no section of its own."""
    lines = [f"- {rule['message']}" for rule in node.get(VALIDATIONS, [])]
    for name, child in node["properties"].items():
        inner, _ = element(child)
        rules = list(child.get(VALIDATIONS, []))
        if inner is not child:
            rules += inner.get(VALIDATIONS, [])
        if "properties" not in inner:
            lines += [f"- `{name}`: {rule['message']}" for rule in rules]
    return "".join(f"{line}\n" for line in lines)


def _type(node: Schema) -> str:
    inner, suffix = element(node)
    if suffix == "[]":
        return f"list of {_type(inner)}"
    if suffix == ".*":
        return f"map to {_type(inner)}"
    if "x-kubernetes-int-or-string" in node:
        return "quantity"
    return str(node.get("format", node["type"]))
