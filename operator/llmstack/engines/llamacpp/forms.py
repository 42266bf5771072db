"""How does a form become a body that can be judged, and how does it reach llama-server?

    fields ─ as_json ─> {"temperature": 0.5, …} ─ judged, edited ─ opening, closing ─> our form

llama-server makes a JSON object of a form's fields, each a string, and takes all of them for those
of a chat. It reads `max_tokens` and `temperature` by C's conversions, so it gets numbers in a
spelling that those read.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

_NUMBERS = frozenset({"temperature", "max_tokens"})
_FLAGS = {"true": True, "false": False}
_FLAG_NAMES = frozenset({"stream"})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")


def as_json(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The fields as an object: numbers and flags as such where a field has them, else text.

    A name that ends with [] may come several times; it becomes an array, without its brackets.
    """
    found: dict[str, Any] = {}
    for name, text in fields:
        if name.endswith("[]"):
            found.setdefault(name, []).append(text)
        else:
            found[name] = _value(name, text)
    return found


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS and _NUMBER.fullmatch(text):
        number = float(text)
        return orjson.loads(text) if math.isfinite(number) else text
    if name in _FLAG_NAMES:
        return _FLAGS.get(text.lower(), text)
    return text


def opening(fields: Mapping[str, Any], boundary: bytes) -> bytes:
    """The form up to the content of its file, which comes last; `fields` were judged."""
    parts = [_part(name, value, boundary) for name, value in fields.items()]
    parts.append(
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" % boundary
    )
    return b"".join(parts)


def closing(boundary: bytes) -> bytes:
    """What follows the content of the file."""
    return b"\r\n--%b--\r\n" % boundary


def _part(name: str, value: Any, boundary: bytes) -> bytes:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    head = b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n'
    return (head % (boundary, name.encode())) + text.encode() + b"\r\n"
