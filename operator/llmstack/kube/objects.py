"""What is common to all objects as the API server gives them. Pure."""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
Place = tuple[str, str]
"""Namespace ("" if it has none) and name."""


def place_of(metadata: Mapping[str, Any]) -> Place:
    """Where an object stands among those of its kind."""
    return metadata.get("namespace", ""), metadata["name"]


def bare(body: Object) -> Object:
    """The same object without its managed fields: they are long, and few read them."""
    body["metadata"].pop("managedFields", None)
    return body
