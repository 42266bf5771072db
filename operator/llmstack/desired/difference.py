"""Where does a live object differ from what was asked for? In words, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmstack.desired.drift import item_keys, matches

_LONGEST = 200


def difference(desired: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """The first field that differs, and both values; "" if none does.

    A Secret's values are not told, only where they stand.
    """
    place = _find(desired, live, ())
    if place is None:
        return ""
    path, wanted, found = place
    if desired.get("kind") == "Secret":
        return path
    return f"{path} is {_shown(found)} instead of {_shown(wanted)}"


def _find(wanted: Any, found: Any, above: tuple[str, ...]) -> tuple[str, Any, Any] | None:
    """Path, wanted and found value of the first leaf that differs."""
    parent, field = ("", "", *above)[-2:]
    if matches(wanted, found, field, parent):
        return None
    for step, one, other in _below(wanted, found, field):
        deeper = _find(one, other, (*above, step))
        if deeper is not None:
            return deeper
    return ".".join(above).replace(".[", "["), wanted, found


def _below(wanted: Any, found: Any, field: str) -> list[tuple[str, Any, Any]]:
    """What stands in both, with the step that leads there."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return [(key, value, found.get(key)) for key, value in wanted.items()]
    if not isinstance(wanted, list) or not isinstance(found, list):
        return []
    keys = item_keys(wanted, field)
    if keys is None:
        pairs = zip(wanted, found, strict=False)
        return [(f"[{index}]", one, other) for index, (one, other) in enumerate(pairs)]
    known = {_name(item, keys): item for item in found if isinstance(item, Mapping)}
    return [(f"[{_name(item, keys)}]", item, known.get(_name(item, keys))) for item in wanted]


def _name(item: Mapping[str, Any], keys: Sequence[str]) -> str:
    return "/".join(str(item.get(key)) for key in keys)


def _shown(value: Any) -> str:
    if value is None:
        return "gone"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
