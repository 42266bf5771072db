"""What does `docs/api.md` say? Every field, from the same schema as the CRD."""

from collections.abc import Iterator
from typing import Any

from llmstack.api.base import VALIDATIONS
from llmstack.api.crd import schema
from llmstack.api.resource import API_VERSION, KIND, SHORT_NAME
from llmstack.api.schema import Schema

_HEAD = f"""# API reference: {KIND}

<!-- Generated from operator/llmstack/api by `make crds`. Do not edit. -->

`apiVersion: {API_VERSION}`, `kind: {KIND}`, short name `{SHORT_NAME}`. `kubectl explain
{SHORT_NAME}.spec --recursive` shows the same text. Fields in **bold** are required. Below each
table stands what the API server demands beyond types and limits, in the words that it prints.
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
        below, suffix = _element(child)
        if "properties" in below:
            yield from _sections(f"{path}.{name}{suffix}", _described(below, child))


def _described(below: Schema, field: Schema) -> Schema:
    """An element of a list is introduced as the field is."""
    return {**below, "description": field["description"]}


def _element(node: Schema) -> tuple[Schema, str]:
    """What stands in this list or map, and how is it written behind the field's name?"""
    if "items" in node:
        return node["items"], "[]"
    if "additionalProperties" in node:
        return node["additionalProperties"], ".*"
    return node, ""


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
    cells = [name, _type(node), _default(node), _limits(node), node["description"]]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rules(node: Schema) -> str:
    """What is demanded of this object, and then of each field that has no section of its own."""
    lines = [f"- {rule['message']}" for rule in node.get(VALIDATIONS, [])]
    for name, child in node["properties"].items():
        element, _ = _element(child)
        rules = list(child.get(VALIDATIONS, []))
        if element is not child:
            rules += element.get(VALIDATIONS, [])
        if "properties" not in element:
            lines += [f"- `{name}`: {rule['message']}" for rule in rules]
    return "".join(f"{line}\n" for line in lines)


def _type(node: Schema) -> str:
    element, suffix = _element(node)
    if suffix == "[]":
        return f"list of {_type(element)}"
    if suffix == ".*":
        return f"map to {_type(element)}"
    if "x-kubernetes-int-or-string" in node:
        return "quantity"
    return str(node.get("format", node["type"]))


def _default(node: Schema) -> str:
    default: Any = node.get("default")
    if default is None or default == {}:
        return ""
    return f"`{default}`" if default != "" else '`""`'


def _limits(node: Schema) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    parts = []
    if "minimum" in node and "maximum" in node:
        parts.append(f"{node['minimum']} to {node['maximum']}")
    elif "minimum" in node:
        parts.append(f"{node['minimum']} or more")
    for key, unit in (
        ("maxLength", "characters"),
        ("maxItems", "items"),
        ("maxProperties", "keys"),
    ):
        if key in node:
            parts.append(f"at most {node[key]} {unit}")
    element = _element(node)[0]
    if element is not node and "properties" not in element and (inner := _limits(element)):
        parts.append(f"each {inner}")
    return ", ".join(parts)
