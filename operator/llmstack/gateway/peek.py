"""What does a body ask for? Told from its outline; only a few small values are read.

outline ─> model, stream, cost in slots, and the bytes whose beginning a replica may have cached
"""

from typing import Any, NamedTuple

from llmstack.gateway.endpoints import Endpoint
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.scan.outline import Kind, Outline, Span

_COUNTS = ("n", "n_cmpl")
_MOST = 1_000_000
"""No replica has so many slots; a larger count is taken for this one, so that sums stay small."""


class Peek(NamedTuple):
    """What a body asks for.

    `model` is "" if the body names none. `setting` is what precedes the prompt in the context (the
    adapter, tools, a system prompt), each as it was written. `prompt` is the prompt's value but for
    its last byte: conversations grow at their end, so one turn's is a prefix of the next turn's.
    """

    model: str
    stream: bool
    slots: int
    setting: tuple[memoryview, ...]
    prompt: memoryview


def peek(endpoint: Endpoint, body: bytes | bytearray, outline: Outline) -> Peek:
    """What is asked for. Raises Refused: odd counts."""
    return Peek(
        model=_model(body, outline),
        stream=outline.read(body, "stream") is True,
        slots=_slots(endpoint, body, outline),
        setting=_setting(endpoint, body, outline),
        prompt=_prompt(endpoint, body, outline),
    )


def _model(body: bytes | bytearray, outline: Outline) -> str:
    model = outline.read(body, "model")
    if model is not None and not isinstance(model, str):
        raise Refused(bad_request("'model' must be a string.", "model"))
    return model or ""


def _slots(endpoint: Endpoint, body: bytes | bytearray, outline: Outline) -> int:
    """llama-server makes a task of each prompt and each of its completions: a slot each."""
    if not endpoint.slots:
        return NO_SLOTS
    entries = 1
    for name in endpoint.many:
        entries = max(entries, _entries(outline, name))
    if endpoint.whole:
        return WHOLE if entries > 1 else 1
    completions = 1
    for name in _COUNTS:
        if name in outline.members:
            completions = max(completions, _count(outline.read(body, name), name))
    return entries * completions


def _entries(outline: Outline, name: str) -> int:
    """An array with a number in it is one prompt, of tokens; any other is a prompt an entry."""
    span = outline.members.get(name)
    if span is None or span.kind is not Kind.ARRAY or span.numbers:
        return 1
    return max(1, span.entries)


def inputs(endpoint: Endpoint, outline: Outline) -> Span | None:
    """The array whose entries are tasks of their own; None where it is not one and clear."""
    named = [name for name in endpoint.many if name in outline.members]
    if "input" in named:  # `content` counts only without it.
        named = ["input"]
    if len(named) != 1 or _entries(outline, named[0]) < 2:
        return None
    return outline.members[named[0]]


def most(body: bytes | bytearray, outline: Outline) -> int | None:
    """How many ranks are wanted; None for all."""
    wanted = outline.read(body, "top_n")
    return int(wanted) if type(wanted) in (int, float) else None


def _count(value: Any, name: str) -> int:
    if value is None:
        return 1
    if type(value) is not int and not (type(value) is float and value.is_integer()):
        raise Refused(bad_request(f"'{name}' must be a whole number.", name))
    return min(max(1, int(value)), _MOST)


def _setting(
    endpoint: Endpoint, body: bytes | bytearray, outline: Outline
) -> tuple[memoryview, ...]:
    members = outline.members
    names = ("lora", *endpoint.setting)
    spans = [members[name] for name in names if name in members]
    view = memoryview(body)
    return tuple(view[span.start : span.end] for span in spans)


def _prompt(endpoint: Endpoint, body: bytes | bytearray, outline: Outline) -> memoryview:
    span = outline.members.get(endpoint.prompt)
    return memoryview(body)[span.start : span.end - 1] if span is not None else memoryview(b"")
