"""What does a body ask for? Read once, never written again: the bytes go on as they came.

body ─> model, stream, cost in slots, and the bytes whose beginning a replica may have cached
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from llmstack.gateway.endpoints import Endpoint
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.routing.messages import NO_SLOTS, WHOLE

_FORBIDDEN = {
    "n_discard": "llama-server has had memory-safety bugs in shifting contexts",
    "id_slot": "it pins the request to a slot that may be busy; the gateway chooses",
}
_COUNTS = ("n", "n_cmpl")
_MOST = 1_000_000
"""No replica has so many slots; a larger count is taken for this one, so that sums stay small."""
_MOST_VALUES = 1_000_000
"""To make objects of more takes so long that others' streams would stand still."""
_SMALL = 1024 * 1024
"""Bytes; a body of that size is not worth counting in."""


class Peek(NamedTuple):
    """What a body asks for.

    `model` is "" if the body names none. `setting` is what precedes the prompt in the context
    (tools, a system prompt, the adapter): another one shares no prefix. `prompt` begins at the
    prompt and goes to the body's end: conversations grow at their end, so the bytes of one turn are
    a prefix of the next turn's.
    """

    model: str
    stream: bool
    slots: int
    setting: bytes
    prompt: bytes


def peek(endpoint: Endpoint, body: bytes) -> Peek:
    """What is asked for. Raises Refused: no JSON object, forbidden fields, odd counts."""
    fields = _object(body)
    for name, why in _FORBIDDEN.items():
        if name in fields:
            raise Refused(bad_request(f"The field '{name}' is not allowed: {why}.", name))
    model = fields.get("model")
    if model is not None and not isinstance(model, str):
        raise Refused(bad_request("'model' must be a string.", "model"))
    return Peek(
        model=model or "",
        stream=fields.get("stream") is True,
        slots=_slots(endpoint, fields),
        setting=_setting(endpoint, fields),
        prompt=_prompt(endpoint, body),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    # An upper bound: commas and brackets within strings are counted too.
    if len(body) > _SMALL and sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise Refused(bad_request(f"The body may hold at most {_MOST_VALUES} values."))
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(bad_request(f"The body is no JSON: {error}.")) from error
    if not isinstance(fields, dict):
        raise Refused(bad_request("The body must be a JSON object."))
    return fields


def _slots(endpoint: Endpoint, fields: Mapping[str, Any]) -> int:
    """llama-server makes a task of each prompt and each of its completions: a slot each."""
    if not endpoint.slots:
        return NO_SLOTS
    entries = 1
    for name in endpoint.many:
        entries = max(entries, _entries(fields.get(name)))
    if endpoint.whole:
        return WHOLE if entries > 1 else 1
    completions = 1
    for name in _COUNTS:
        if name in fields:
            completions = max(completions, _count(fields[name], name))
    return entries * completions


def _entries(value: Any) -> int:
    """An array with a number in it is one prompt, of tokens; any other is a prompt an entry."""
    if not isinstance(value, list) or any(type(entry) in (int, float) for entry in value):
        return 1
    return max(1, len(value))


def _count(value: Any, name: str) -> int:
    if value is None:
        return 1
    if type(value) is not int and not (type(value) is float and value.is_integer()):
        raise Refused(bad_request(f"'{name}' must be a whole number.", name))
    return min(max(1, int(value)), _MOST)


def _setting(endpoint: Endpoint, fields: Mapping[str, Any]) -> bytes:
    parts = [fields[name] for name in (*endpoint.setting, "lora") if fields.get(name)]
    try:
        return orjson.dumps(parts) if parts else b""
    except orjson.JSONEncodeError as error:  # It reads deeper than it writes.
        raise Refused(bad_request("The body is nested too deeply.")) from error


def _prompt(endpoint: Endpoint, body: bytes) -> bytes:
    """A name inside another field's text would only cost a cache hit, never correctness."""
    start = body.find(b'"%s"' % endpoint.prompt.encode()) if endpoint.prompt else -1
    return body[start:] if start >= 0 else b""
