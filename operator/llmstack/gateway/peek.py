"""What does a body ask for? Read from its outline, of which only a few small values are decoded.

outline ─> model, stream, cost in slots, and the bytes whose beginning a replica may have cached
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from llmstack.gateway.endpoints import Endpoint
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.scan.outline import Kind, Outline, Span

Read = Callable[[str], Any]
"""Returns a short value of the outermost object, or None if it is absent (Outline.read)."""

_COUNTS = ("n", "n_cmpl")
_MOST = 1_000_000
"""Larger counts are cut to this, so that sums stay small; no replica has as many slots."""


class Peek:
    """What a body asks for.

    `model` is "" if the body names none. `entries` is the number of prompts or inputs, `slots` the
    cost, `several` True for an array of prompts. `setting` is what precedes the prompt in the
    context (adapter, tools, system prompt), each as it was written. `prompt` is the prompt's value
    without its last byte: a conversation grows at its end, so one turn is a prefix of the next.
    `setting` and `prompt` are located on access.
    """

    __slots__ = ("_body", "_endpoint", "_outline", "entries", "model", "several", "slots", "stream")

    def __init__(self, endpoint: Endpoint, body: bytes | bytearray, outline: Outline) -> None:
        self._endpoint = endpoint
        self._body = body
        self._outline = outline
        parsed = outline.parsed
        read = partial(outline.read, body) if parsed is None else parsed.get
        self.model = _model(read)
        self.stream = read("stream") is True
        self.entries = _most_entries(endpoint, outline)
        self.several = self.entries > 1 and not endpoint.whole
        self.slots = _slots(endpoint, self.entries, read)

    @property
    def has_setting(self) -> bool:
        """True if anything precedes the prompt."""
        parsed = self._outline.parsed
        members = self._outline.members if parsed is None else parsed
        return not self._endpoint.setting_names.isdisjoint(members)

    @property
    def setting(self) -> tuple[memoryview, ...]:
        view, outline = memoryview(self._body), self._outline
        places = map(outline.place, self._endpoint.settings)
        return tuple(view[place[0] : place[1]] for place in places if place is not None)

    @property
    def prompt(self) -> memoryview:
        place = self._outline.place(self._endpoint.prompt)
        view = memoryview(self._body)
        return view[place[0] : place[1] - 1] if place is not None else view[:0]


def peek(endpoint: Endpoint, body: bytes | bytearray, outline: Outline) -> Peek:
    """Returns what the body asks for. Raises Refused for invalid values."""
    return Peek(endpoint, body, outline)


def _model(read: Read) -> str:
    model = read("model")
    if model is not None and not isinstance(model, str):
        raise Refused(bad_request("'model' must be a string.", "model"))
    return model or ""


def _most_entries(endpoint: Endpoint, outline: Outline) -> int:
    """Returns the most entries of any array whose entries are tasks of their own, at least 1."""
    entries = 1
    for name in endpoint.many:
        entries = max(entries, _entries(outline, name))
    return entries


def _slots(endpoint: Endpoint, entries: int, read: Read) -> int:
    """Returns the cost in slots. llama-server makes a task of each completion of each prompt."""
    if not endpoint.slots:
        return NO_SLOTS
    if endpoint.whole:
        return WHOLE if entries > 1 else 1
    completions = 1
    for name in _COUNTS:
        count = read(name)
        if count is not None:
            completions = max(completions, _count(count, name))
    return entries * completions


def _entries(outline: Outline, name: str) -> int:
    """Returns the number of prompts: an array with a number in it is one prompt, of tokens."""
    span = outline.members.get(name)
    if span is None or span.kind is not Kind.ARRAY or span.numbers:
        return 1
    return max(1, span.entries)


def inputs(endpoint: Endpoint, outline: Outline) -> Span | None:
    """Returns the array whose entries are tasks of their own, or None if there is not just one."""
    named = [name for name in endpoint.many if name in outline.members]
    if "input" in named:  # `content` is ignored then.
        named = ["input"]
    if len(named) != 1 or _entries(outline, named[0]) < 2:
        return None
    return outline.members[named[0]]


def most(body: bytes | bytearray, outline: Outline) -> int | None:
    """Returns how many ranks are wanted, or None for all."""
    wanted = outline.read(body, "top_n")
    return int(wanted) if type(wanted) in (int, float) else None


def _count(value: Any, name: str) -> int:
    if type(value) is not int and not (type(value) is float and value.is_integer()):
        raise Refused(bad_request(f"'{name}' must be a whole number.", name))
    return min(max(1, int(value)), _MOST)
