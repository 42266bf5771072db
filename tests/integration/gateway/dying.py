"""Replicas that say something and then close, reset or stay, and how leases on them end."""

from __future__ import annotations

from llmstack.routing.messages import Ending
from tests.integration.gateway.raw import Front, Script, Turn, plain

EVENT = b'data: {"n": 1}\n\n'
LOADING = plain(
    b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
    b"503 Service Unavailable",
)


def sends(*pieces: bytes, then: str = "") -> Script:
    """A replica that always sends these bytes, then closes, resets, or stays."""

    async def script(turn: Turn) -> None:
        await turn.send(*pieces)
        if then == "close":
            turn.close()
        elif then == "reset":
            turn.reset()

    return script


WELL = sends(plain(b"well"))


def endings(front: Front) -> list[Ending]:
    """How all leases ended, from now on."""
    found: list[Ending] = []
    release = front.owner.release

    def noted(lease: int, ending: Ending) -> None:
        found.append(ending)
        release(lease, ending)

    front.owner.release = noted  # type: ignore[method-assign]
    return found
