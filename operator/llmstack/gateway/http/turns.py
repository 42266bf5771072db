"""Whose body is looked at next? A piece at a time, in turn, and never for long.

Between two goes the loop passes on what has come of the responses.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

_GO = 0.005
"""Seconds after which others have their turn; the last piece may exceed it by some milliseconds."""


class Looker(Protocol):
    """Something that can be done in pieces."""

    def look(self) -> bool:
        """Does one piece. True if there is another one."""
        ...


class Turns:
    """Those that have pieces to do."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._waiting: deque[Looker] = deque()
        self._called = False

    def add(self, looker: Looker) -> None:
        """It has some now. Not for one that is here already."""
        self._waiting.append(looker)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._go)

    def _go(self) -> None:
        waiting, until = self._waiting, self._now() + _GO
        try:
            while waiting and self._now() < until:
                looker = waiting.popleft()
                if looker.look():
                    waiting.append(looker)
        finally:  # Whoever fails holds up nobody else.
            self._called = bool(waiting)
            if waiting:
                asyncio.get_running_loop().call_soon(self._go)
