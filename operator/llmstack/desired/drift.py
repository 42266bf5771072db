"""Does a live object still say what was asked for?

The live object has more than was asked for: defaults, status, fields of other managers. So the
comparison goes through the desired fields only. A field that an earlier version of the desired
object had and this one has not is found by the hash of what was applied last.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmstack.api.quantity import parse_quantity
from llmstack.desired.hashing import canonical, digest
from llmstack.desired.metadata import APPLIED_HASH, Object, annotation

_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "resourceClaims": ("name",),
    "claims": ("name", "request"),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that the API server merges by key: others may add items, in any order."""

_PORT_KEYS = (("containerPort", "protocol"), ("port", "protocol"))

_TELLING_WHEN_EMPTY = {"emptyDir"}
"""Objects that say something by being there; the API server keeps them."""

_WHOLE = {"selector", "podSelector", "namespaceSelector", "matchLabels"}
"""Objects in which one more field says something else: nobody may add any, and no server does."""

_QUANTITIES = {"requests", "limits"}
_QUANTITY_FIELDS = {"sizeLimit", "averageValue", "divisor"}


def with_applied_hash(desired: Object) -> Object:
    """The object that is applied: it carries the hash of all that it asks for."""
    metadata = desired["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED_HASH: digest(canonical(desired))[:32]}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def needs_apply(desired: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Return True if the object does not exist or differs from the desired one."""
    if live is None or annotation(live, APPLIED_HASH) != annotation(desired, APPLIED_HASH):
        return True
    return not matches(desired, live)


def alike(one: Any, other: Any) -> bool:
    """True if the API server makes the same of both: quantities count by value."""
    return matches(one, other) and matches(other, one)


def matches(desired: Any, live: Any, field: str = "", parent: str = "") -> bool:
    """Return True if `live` contains everything that `desired` asks for.

    `field` is the name under which both are found, `parent` the one above it.
    """
    if isinstance(desired, Mapping) and (desired or field in _TELLING_WHEN_EMPTY):
        return (
            isinstance(live, Mapping)
            and all(matches(value, live.get(key), key, field) for key, value in desired.items())
            and not (field in _WHOLE and _has_more(desired, live))
        )
    if _is_empty(desired):
        # Whatever the server adds in it, an object without fields asks for nothing.
        return _is_empty(live) or (isinstance(desired, Mapping) and isinstance(live, Mapping))
    if isinstance(desired, (list, tuple)):
        return isinstance(live, (list, tuple)) and _list_matches(desired, live, field)
    return _leaf_matches(desired, live, quantity=parent in _QUANTITIES or field in _QUANTITY_FIELDS)


def _has_more(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    return any(key not in desired and not _is_empty(value) for key, value in live.items())


def _is_empty(value: Any) -> bool:
    """The API server drops empty values: they say the same as none."""
    return value is None or (isinstance(value, (str, Mapping, list, tuple)) and not value)


def _list_matches(desired: Sequence[Any], live: Sequence[Any], field: str) -> bool:
    keys = item_keys(desired, field)
    if keys is None:
        return len(desired) == len(live) and all(
            matches(one, other) for one, other in zip(desired, live, strict=True)
        )
    found = {_key(item, keys): item for item in live if isinstance(item, Mapping)}
    return all(matches(item, found.get(_key(item, keys))) for item in desired)


def item_keys(desired: Sequence[Any], field: str) -> tuple[str, ...] | None:
    """The keys by which items of this list are told apart; None if the list is one value."""
    if field != "ports":
        return _KEYS.get(field)
    return next((keys for keys in _PORT_KEYS if all(keys[0] in item for item in desired)), None)


def _key(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _leaf_matches(desired: Any, live: Any, *, quantity: bool) -> bool:
    # True == 1 in Python, not in JSON.
    if desired == live and isinstance(desired, bool) == isinstance(live, bool):
        return True
    if not quantity or _is_empty(live) or isinstance(live, (bool, Mapping, list)):
        return False
    try:
        return parse_quantity(desired) == parse_quantity(live)
    except ValueError:
        return False
