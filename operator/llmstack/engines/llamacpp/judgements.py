"""What may a field of a body mean to this project? One of three.

Allowed    it goes on as it came, if its value passes the check
Neutral    it is taken away: the gateway decides it, or the value says what holds anyway
Refused    the request is refused, unless the value says what holds anyway
"""

from typing import NamedTuple

from llmstack.engines.llamacpp.checks import Check


class Allowed(NamedTuple):
    """`said` is a word for the docs on what it is, "" if the check says enough."""

    check: Check
    said: str = ""


class Neutral(NamedTuple):
    """Taken away, whatever its value; `why` is for the docs."""

    why: str


class Refused(NamedTuple):
    """Refused, but for values in `harmless` (JSON as the server reads it), which are taken away."""

    why: str
    harmless: tuple[bytes, ...] = ()


Judgement = Allowed | Neutral | Refused
