"""Whose body is scanned next? They take turns, a piece at a time, and never for long.

Between two rounds the event loop relays what has come of responses.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

_GO = 0.005
"""Seconds per round. Its last piece may exceed that by some milliseconds."""


class Looker(Protocol):
    """Work that can be done in pieces."""

    def look(self) -> bool:
        """Does one piece. Returns True if there is another one."""
        ...


class Turns:
    """Those that have pieces to do, in turn."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._waiting: deque[Looker] = deque()
        self._called = False

    def add(self, looker: Looker) -> None:
        """Adds one that has pieces to do. It must not be waiting already."""
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
        finally:  # One that fails must not hold up the others.
            self._called = bool(waiting)
            if waiting:
                asyncio.get_running_loop().call_soon(self._go)
