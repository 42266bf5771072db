"""Which parts of a body may go to a replica, and what is the client told about the rest?"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import orjson

from llmstack.engines.llamacpp.content import Plain
from llmstack.engines.llamacpp.measured import Measure, Most
from llmstack.engines.llamacpp.media import Inline, check_contents
from llmstack.engines.llamacpp.policy import Policy, judge
from llmstack.engines.llamacpp.rewrite import Edits, rewrite
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.scan.outline import Outline

_CHOSEN = "response_fields"
_CHOOSING = frozenset({"/completion", "/infill"})
"""Paths on which llama-server honours `response_fields`."""
_COUNTS = ("timings/prompt_n", "timings/cache_n", "timings/predicted_n")
_MOST_NAMED = 10
_LONGEST_NAME = 64


class Measurement(NamedTuple):
    """A check of pictures and sounds. `run` raises Refused; `size` is the bytes it reads."""

    run: Callable[[], None]
    size: int


class Fitted(NamedTuple):
    """A body that may go on, and a header line that names the dropped fields (b"" if none).

    `edits` are the changes made to it. `contents` must be measured before it goes on.
    """

    body: bytes | bytearray
    dropped: bytes
    edits: Edits
    contents: tuple[Inline, ...] = ()


def fit(path: str, body: bytes | bytearray, outline: Outline, policy: Policy) -> Fitted:
    """Returns the body without what replicas must not get. Raises Refused."""
    try:
        judged = judge(path, body, outline, policy)
    except Unfit as unfit:
        raise Refused(bad_request(str(unfit), unfit.param or None)) from unfit
    edits: Edits = judged.edits
    if _CHOSEN in outline.members and path in _CHOOSING:
        edits = {**edits, **_counted(body, outline)}
    if not edits:
        return Fitted(body, b"", edits, judged.contents)
    new = rewrite(body, outline, edits)
    return Fitted(new, _dropped(judged.unknown), edits, judged.contents)


def measurement(
    body: bytes | bytearray, contents: tuple[Inline, ...], most: Most
) -> Measurement | None:
    """Returns the check of the pictures and sounds in a body, or None if it has none.

    Running it takes a while if they are large; it may run in a thread.
    """
    if not contents:
        return None
    size = sum(each.end - each.start for each in contents)
    return Measurement(partial(_refusing, check_contents, body, contents, most), size)


def measurement_of_file(file: bytes | bytearray, most: Most) -> Measurement:
    """Returns the check of the file of a form."""
    content = Plain(file, 0, len(file))
    return Measurement(partial(_refusing, Measure(most).take, content, "file"), len(file))


def _refusing(check: Callable[..., None], *arguments: Any) -> None:
    try:
        check(*arguments)
    except Unfit as unfit:
        raise Refused(bad_request(str(unfit), unfit.param or None)) from unfit


def _counted(body: bytes | bytearray, outline: Outline) -> Edits:
    """Adds the fields that token counts are read from to `response_fields`, if they are missing."""
    chosen = orjson.loads(bytes(body[slice(*(outline.place(_CHOSEN) or (0, 0)))]))
    if not chosen:  # Then the response has all fields.
        return {}
    missing = [name for name in _COUNTS if name not in chosen]
    return {_CHOSEN: orjson.dumps([*chosen, *missing])} if missing else {}


def _dropped(names: tuple[str, ...]) -> bytes:
    if not names:
        return b""
    shown = ", ".join(_plain(name) for name in names[:_MOST_NAMED])
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return b"x-llmstack-dropped-fields: %b\r\n" % (shown + more).encode("ascii")


def _plain(name: str) -> str:
    """Returns a name fit for a header, whatever the client wrote."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "?" for c in name)[
        :_LONGEST_NAME
    ]
