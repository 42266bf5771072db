"""Which bytes of a body change when members are removed, replaced or added? Only theirs.

{"id_slot": -1, "prompt": "a"}  ─ {"id_slot": None} ─>  {"prompt": "a"}
{"prompt": "a"}  ─ {"cache_prompt": b"false"} ─>  {"prompt": "a","cache_prompt":false}

The one function that may change what a client wrote.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from llmstack.scan.outline import Outline, Span

BOM = b"\xef\xbb\xbf"
"""Some editors write it before the first byte; no JSON parser has to accept it."""

Edits = Mapping[str, bytes | None]


def rewrite(body: bytes | bytearray, outline: Outline, edits: Edits) -> bytes | bytearray:
    """The body with `edits` applied to its outermost members, and without a byte order mark.

    None removes a member, bytes (JSON) replace its value or add the member at the end. Every other
    byte stays as it is, whitespace and the spelling of numbers included. Without a change, the very
    same object is returned. Copies the body once, however many edits there are.
    """
    changes = bool(edits) and any(
        value is not None or name in outline.members for name, value in edits.items()
    )
    if not changes:
        return body[len(BOM) :] if body.startswith(BOM) else body
    with memoryview(body) as view:
        return b"".join(_pieces(view, body, outline, edits))


def moved(body: bytes | bytearray, outline: Outline, edits: Edits, name: str) -> Span:
    """Where a member whose value stays is after `rewrite` of a body without a byte order mark."""
    members = tuple(outline.members.values())
    kept = [span for span in members if edits.get(span.name, b"") is not None]
    span = outline.members[name]
    upto = kept[: kept.index(span) + 1]
    with memoryview(body) as view:
        end = members[0].key + sum(map(len, _kept(view, members, upto, edits)))
    by = end - span.end
    return span._replace(key=span.key + by, start=span.start + by, end=end)


def _pieces(
    view: memoryview, body: bytes | bytearray, outline: Outline, edits: Edits
) -> Iterator[bytes | memoryview]:
    """The new body in order. What separates two members goes with the one before it."""
    members = tuple(outline.members.values())
    kept = [span for span in members if edits.get(span.name, b"") is not None]
    start = len(BOM) if body.startswith(BOM) else 0
    yield view[start : members[0].key if members else body.rindex(b"}")]
    yield from _kept(view, members, kept, edits)
    yield from _added(edits, outline.members, separate=bool(kept))
    yield view[members[-1].end if members else body.rindex(b"}") :]


def _kept(
    view: memoryview, members: tuple[Span, ...], kept: list[Span], edits: Edits
) -> Iterator[bytes | memoryview]:
    """The members that stay, each with its own separator unless none follows."""
    next_key = {before.name: after.key for before, after in pairwise(members)}
    for span in kept:
        new = edits.get(span.name)
        if new is None:
            yield view[span.key : span.end]
        else:
            yield view[span.key : span.start]
            yield new
        if span is not kept[-1]:
            yield view[span.end : next_key[span.name]]


def _added(edits: Edits, present: Iterable[str], *, separate: bool) -> Iterator[bytes]:
    """The members that the client did not send."""
    for name, value in edits.items():
        if value is None or name in present:
            continue
        if separate:
            yield b","
        yield json.dumps(name).encode() + b":" + value
        separate = True
