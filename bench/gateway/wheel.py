"""When is whose turn? One timer for thousands of streams."""

import asyncio
from typing import Protocol


class Steps(Protocol):
    """What has turns."""

    def step(self) -> float | None:
        """Its turn; in how many seconds is the next, counted from when this one was due?"""
        ...


class Wheel:
    """Turns in buckets of one tick. It runs while there is anything in it."""

    def __init__(self, tick: float) -> None:
        self._tick = tick
        self._buckets: dict[int, list[Steps]] = {}
        self._next = 0

    def add(self, delay: float, item: Steps) -> None:
        """Its first turn is in `delay` seconds."""
        now = int(asyncio.get_running_loop().time() / self._tick)
        idle = not self._buckets
        self._put(now, delay, item)
        if idle:
            self._next = now
            self._later()

    def _put(self, tick: int, delay: float, item: Steps) -> None:
        due = tick + max(1, round(delay / self._tick))
        self._buckets.setdefault(due, []).append(item)

    def _later(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at((self._next + 1) * self._tick, self._turn)

    def _turn(self) -> None:
        now = int(asyncio.get_running_loop().time() / self._tick)
        for tick in range(self._next + 1, now + 1):
            for item in self._buckets.pop(tick, ()):
                again = item.step()
                if again is not None:
                    self._put(tick, again, item)
        self._next = max(self._next, now)
        if self._buckets:
            self._later()
