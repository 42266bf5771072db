"""What of a body may go on to a replica, and what does its client hear of the rest?"""

from typing import NamedTuple

import orjson

from llmstack.engines.llamacpp.policy import Policy, judge
from llmstack.engines.llamacpp.rewrite import Edits, rewrite
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.scan.outline import Outline

_CHOSEN = "response_fields"
_CHOOSING = frozenset({"/completion", "/infill"})
"""Where llama-server heeds them."""
_COUNTS = ("timings/prompt_n", "timings/cache_n", "timings/predicted_n")
_MOST_NAMED = 10
_LONGEST_NAME = 64


class Fitted(NamedTuple):
    """A body that may go on, and a header line that names the fields that were dropped.

    `edits` are what was changed in it.
    """

    body: bytes | bytearray
    dropped: bytes
    edits: Edits


def fit(path: str, body: bytes | bytearray, outline: Outline, policy: Policy) -> Fitted:
    """The body without what is not for a replica. Raises Refused."""
    try:
        judged = judge(path, body, outline, policy)
    except Unfit as unfit:
        raise Refused(bad_request(str(unfit), unfit.param or None)) from unfit
    edits: Edits = judged.edits
    if _CHOSEN in outline.members and path in _CHOOSING:
        edits = {**edits, **_counted(body, outline)}
    if not edits:
        return Fitted(body, b"", edits)
    return Fitted(rewrite(body, outline, edits), _dropped(judged.unknown), edits)


def _counted(body: bytes | bytearray, outline: Outline) -> Edits:
    """`response_fields` that name what tokens are counted by, too; nothing if that is in them."""
    chosen = orjson.loads(bytes(body[slice(*(outline.place(_CHOSEN) or (0, 0)))]))
    if not chosen:  # Then the answer has all fields.
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
    """A name that can stand in a header, whatever the client wrote."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "?" for c in name)[
        :_LONGEST_NAME
    ]
