"""Replicas that say something and then close, reset or stay, and how leases on them end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from llmstack.routing.messages import Ending
from llmstack.routing.slots import SlotsSeen
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


@contextlib.asynccontextmanager
async def polled(front: Front, slots: int = 2) -> AsyncIterator[None]:
    """The first replica is polled, and shows all its slots idle: so it is used after a failure."""

    async def poll() -> None:
        loop = asyncio.get_running_loop()
        while True:
            front.owner.seen("smol", "replica-0", SlotsSeen(loop.time(), slots, 0))
            await asyncio.sleep(0.005)

    polling = asyncio.create_task(poll())
    try:
        yield
    finally:
        polling.cancel()
