"""What of a body may go on to a replica, and what does its client hear of the rest?"""

from typing import NamedTuple

from llmstack.engines.llamacpp.policy import Policy, judge
from llmstack.engines.llamacpp.rewrite import Edits, rewrite
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.gateway.refusals import Refused, bad_request
from llmstack.scan.outline import Outline

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
    return Fitted(rewrite(body, outline, judged.edits), _dropped(judged.unknown), judged.edits)


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
