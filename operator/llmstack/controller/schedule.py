"""Which deployment is looked at next, and when?

Pure bookkeeping of keys; the caller brings the time. Invariants:

- a key waits at most once: asked for again, the earlier moment wins;
- a key that is in work waits until its pass ends: never two passes over one deployment at once;
- what is asked for while a pass runs is not lost: the pass may have read too early to see it.

    add ──> waiting ── take, when due ──> in work ── done ──> waiting if asked for, else gone
"""

import heapq

from llmstack.api.key import Key


class Schedule:
    """When is each key due? Moments are seconds of any steady clock."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._working: set[Key] = set()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def working(self) -> frozenset[Key]:
        """Which keys are in work?"""
        return frozenset(self._working)

    def add(self, key: Key, due: float) -> None:
        """The key is due at that moment, or earlier if it was already."""
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))

    def take(self, now: float) -> Key | None:
        """The key that has been due for longest and is not in work; None if there is none."""
        postponed: list[tuple[float, Key]] = []
        taken = None
        while self._heap and self._heap[0][0] <= now and taken is None:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) != due:
                continue  # a later entry of a key that was asked for again, earlier
            if key in self._working:
                postponed.append((due, key))
                continue
            del self._due[key]
            self._working.add(key)
            taken = key
        for entry in postponed:
            heapq.heappush(self._heap, entry)
        return taken

    def done(self, key: Key) -> None:
        """The pass over this key has ended."""
        self._working.discard(key)

    def next_due(self) -> float | None:
        """The next moment at which `take` may have an answer, keys in work aside."""
        waiting = (due for key, due in self._due.items() if key not in self._working)
        return min(waiting, default=None)


class Backoff:
    """How long does a key wait after failures in a row? Doubles each time, up to a limit."""

    def __init__(self, first: float = 0.5, limit: float = 60.0) -> None:
        self._first = first
        self._limit = limit
        self._failures: dict[Key, int] = {}

    def failed(self, key: Key, random: float) -> float:
        """Seconds to wait now. `random` in [0, 1) spreads keys that failed together."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first * 2.0 ** min(failures, 32), self._limit)
        return delay * (0.5 + random / 2)

    def succeeded(self, key: Key) -> None:
        """The next failure is the first one again."""
        self._failures.pop(key, None)
