"""Which deployment is looked at next, and when?

Pure bookkeeping of keys; the caller brings the time. Invariants:

- a key waits at most once: asked for again, the earlier moment and the higher rank win;
- a key that is in work waits until its pass ends: never two passes over one deployment at once;
- what is asked for while a pass runs is not lost: the pass may have read too early to see it;
- of the keys that are due, urgent ones come first, and after `SHARE` of them in a row one of the
  others: neither can keep the other waiting for ever.

    add ──> waiting ── take, when due ──> in work ── done ──> waiting if asked for, else gone
"""

import heapq
from collections import OrderedDict
from dataclasses import dataclass

from llmstack.api.key import Key

SHARE = 16
"""Urgent keys in a row, while another one is due: a new deployment's first pass makes its objects,
and every further pass over another one can wait for that."""


@dataclass(frozen=True, order=True)
class _Turn:
    """One wish. `urgent`: somebody waits for it; the resync and second looks are not."""

    due: float
    key: Key
    urgent: bool


class Schedule:
    """When is each key due? Moments are seconds of any steady clock."""

    def __init__(self) -> None:
        self._turns: dict[Key, _Turn] = {}
        self._heaps: dict[bool, list[_Turn]] = {True: [], False: []}
        self._working: set[Key] = set()
        self._row = 0

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def working(self) -> frozenset[Key]:
        """The keys that are in work."""
        return frozenset(self._working)

    def add(self, key: Key, due: float, *, urgent: bool = True) -> None:
        """The key is due at that moment, or earlier if it was already."""
        known = self._turns.get(key)
        turn = _Turn(due, key, urgent)
        if known:
            turn = _Turn(min(due, known.due), key, urgent or known.urgent)
        if turn != known:
            self._turns[key] = turn
            self._push(turn)

    def take(self, now: float) -> Key | None:
        """The key that goes into work now; None if none is due."""
        urgent, other = self._first(urgent=True), self._first(urgent=False)
        urgent = urgent if urgent and urgent.due <= now else None
        other = other if other and other.due <= now else None
        turn = other if other and (urgent is None or self._row >= SHARE) else urgent
        if turn is None:
            return None
        self._row = self._row + 1 if turn.urgent and other else 0
        heapq.heappop(self._heaps[turn.urgent])
        del self._turns[turn.key]
        self._working.add(turn.key)
        return turn.key

    def done(self, key: Key) -> None:
        """The pass over this key has ended."""
        self._working.discard(key)
        if key in self._turns:
            self._push(self._turns[key])

    def next_due(self) -> float | None:
        """The next moment at which `take` may have an answer, keys in work aside."""
        firsts = (self._first(urgent=rank) for rank in (True, False))
        return min((turn.due for turn in firsts if turn), default=None)

    def _push(self, turn: _Turn) -> None:
        """A key in work is put on the heap when its pass has ended."""
        if turn.key not in self._working:
            heapq.heappush(self._heaps[turn.urgent], turn)

    def _first(self, *, urgent: bool) -> _Turn | None:
        """The turn of this rank that is due first; what no longer counts is dropped."""
        heap = self._heaps[urgent]
        while heap and self._turns.get(heap[0].key) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None


class Rest:
    """For how long after a pass began does the next one wait, if nobody waits for it?

    What comes of one change comes as many events: the pass after the rest sees all of them. Where
    many deployments change at once each rests for longer, `share` seconds for each that rests, so
    that all of them together never take more than a part of the time.
    """

    def __init__(self, seconds: float, share: float = 0.0, longest: float = 0.0) -> None:
        """`seconds` is the shortest rest; it is at most `longest`, where that is more."""
        self._seconds = seconds
        self._share = share
        self._longest = max(seconds, longest)
        self._until: OrderedDict[Key, float] = OrderedDict()

    def begin(self, key: Key, now: float) -> None:
        """A pass over the key begins."""
        self._until.pop(key, None)
        # Nearly in the order of their moments: what is over comes first.
        while self._until and next(iter(self._until.values())) < now:
            self._until.popitem(last=False)
        seconds = max(self._seconds, self._share * len(self._until))
        self._until[key] = now + min(seconds, self._longest)

    def until(self, key: Key) -> float:
        """From this moment on it may be looked at; it may be past."""
        return self._until.get(key, float("-inf"))


class Backoff:
    """How long does a key wait after failures in a row? Doubles each time, up to a limit."""

    def __init__(self, first: float = 0.5, limit: float = 60.0) -> None:
        self._first = first
        self._limit = limit
        self._failures: dict[Key, int] = {}
        self._until: dict[Key, float] = {}

    def failed(self, key: Key, now: float, random: float, asked: float = 0.0) -> float:
        """Seconds to wait from now on. `random` in [0, 1) spreads keys that failed together.

        `asked`: the API server wants to be left alone for so many seconds; it is, and those that
        it told so do not come back all at once.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first * 2.0 ** min(failures, 32), self._limit)
        wait = asked + delay * (0.5 + random / 2)
        self._until[key] = now + wait
        return wait

    def until(self, key: Key) -> float:
        """Until this moment it waits after its last failure; long past without one."""
        return self._until.get(key, float("-inf"))

    def succeeded(self, key: Key) -> None:
        """The next failure is the first one again."""
        self._failures.pop(key, None)
        self._until.pop(key, None)
