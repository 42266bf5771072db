"""What does `kubectl explain` show of a field?

It prints the description, and of all else that a schema says only the type and the values of an
enumeration. So the description of the CRD ends with limits and default.
"""

from typing import Any

from llmstack.api.nulls import choices
from llmstack.api.schema import Schema


def explained(node: Schema) -> Schema:
    """The same schema; each field's description says its limits and its default, too."""
    shown = dict(node)
    if "properties" in shown:
        shown["properties"] = {
            name: _told(explained(child)) for name, child in shown["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in shown:
            shown[key] = explained(shown[key])
    return shown


def _told(field: Schema) -> Schema:
    bounds = "" if "enum" in field else limits(field)
    facts = [f"{bounds[0].upper()}{bounds[1:]}."] if bounds else []
    facts += [f"Default: {default(field).strip('`')}."] if default(field) else []
    return {**field, "description": " ".join([field["description"], *facts])}


def element(node: Schema) -> tuple[Schema, str]:
    """What stands in this list or map, and how that is written behind the field's name."""
    if "items" in node:
        return node["items"], "[]"
    if "additionalProperties" in node:
        return node["additionalProperties"], ".*"
    return node, ""


def default(node: Schema) -> str:
    """What holds where nothing is said; "" for nothing, or where the parts say it."""
    value: Any = node.get("default")
    if value is None or value == {}:
        return ""
    return f"`{value}`" if value != "" else '`""`'


def limits(node: Schema) -> str:
    """What values there may be: `1 to 64`, `at most 16 items`; "" for all of the type."""
    if found := choices(node):
        return ", ".join(f"`{value}`" for value in found)
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
    each = element(node)[0]
    if each is not node and "properties" not in each and (inner := limits(each)):
        parts.append(f"each {inner}")
    return ", ".join(parts)
