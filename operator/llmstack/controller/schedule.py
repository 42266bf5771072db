"""Which deployment gets the next pass, and when?

Pure bookkeeping of keys; the caller passes the time. Invariants:

- a key waits at most once: if asked for again, the earlier time and the higher rank count;
- a key that is being worked on waits until its pass ends, so passes over one deployment never
  overlap;
- what is asked for during a pass is not lost, because the pass may have read too early to see it;
- of the keys that are due, urgent ones come first, and after `SHARE` of them in a row one of the
  others: neither can keep the other waiting forever.

    add ──> waiting ── take, when due ──> working ── done ──> waiting if asked for, else gone
"""

import heapq
from collections import OrderedDict
from dataclasses import dataclass

from llmstack.api.key import Key

SHARE = 16
"""Urgent keys in a row while another one is due. The first pass over a new deployment creates its
objects, and further passes over others can wait for that."""


@dataclass(frozen=True, order=True)
class _Turn:
    """A key's turn. `urgent`: somebody waits for it, unlike for a resync or a second look."""

    due: float
    key: Key
    urgent: bool


class Schedule:
    """When each key is due. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._turns: dict[Key, _Turn] = {}
        self._heaps: dict[bool, list[_Turn]] = {True: [], False: []}
        self._working: set[Key] = set()
        self._row = 0

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, key: Key, due: float, *, urgent: bool = True) -> None:
        """Makes the key due at this time, or earlier if it already was."""
        known = self._turns.get(key)
        turn = _Turn(due, key, urgent)
        if known:
            turn = _Turn(min(due, known.due), key, urgent or known.urgent)
        if turn != known:
            self._turns[key] = turn
            self._push(turn)

    def take(self, now: float) -> Key | None:
        """Returns the key to work on now, or None if none is due."""
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
        """Records that the pass over this key has ended."""
        self._working.discard(key)
        if key in self._turns:
            self._push(self._turns[key])

    def next_due(self) -> float | None:
        """Returns the next time at which `take` may return a key, unless keys in work end first."""
        firsts = (self._first(urgent=rank) for rank in (True, False))
        return min((turn.due for turn in firsts if turn), default=None)

    def _push(self, turn: _Turn) -> None:
        """Puts a turn on its heap, unless the key is being worked on; done() does it then."""
        if turn.key not in self._working:
            heapq.heappush(self._heaps[turn.urgent], turn)

    def _first(self, *, urgent: bool) -> _Turn | None:
        """Returns the turn of this rank that is due first, dropping outdated entries."""
        heap = self._heaps[urgent]
        while heap and self._turns.get(heap[0].key) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None


class Rest:
    """How long the next pass waits after the start of one, if nobody waits for it.

    One change causes several events, and the pass after the rest sees all of them. If many
    deployments change at once, each rests for longer (`share` seconds per resting deployment).
    """

    def __init__(self, seconds: float, share: float = 0.0, longest: float = 0.0) -> None:
        """`seconds` is the shortest rest, `longest` the longest, unless `seconds` is more."""
        self._seconds = seconds
        self._share = share
        self._longest = max(seconds, longest)
        self._until: OrderedDict[Key, float] = OrderedDict()

    def begin(self, key: Key, now: float) -> None:
        """Starts the rest, because a pass over the key starts."""
        self._until.pop(key, None)
        # The entries are nearly in the order of their times, so expired ones come first.
        while self._until and next(iter(self._until.values())) < now:
            self._until.popitem(last=False)
        seconds = max(self._seconds, self._share * len(self._until))
        self._until[key] = now + min(seconds, self._longest)

    def until(self, key: Key) -> float:
        """Returns the time from which the key may be worked on, -inf if it does not rest."""
        return self._until.get(key, float("-inf"))


class Backoff:
    """How long a key waits after failures in a row: twice as long each time, up to a limit."""

    def __init__(self, first: float = 0.5, limit: float = 60.0) -> None:
        self._first = first
        self._limit = limit
        self._failures: dict[Key, int] = {}
        self._until: dict[Key, float] = {}

    def failed(self, key: Key, now: float, random: float, asked: float = 0.0) -> float:
        """Returns the seconds to wait. `random` in [0, 1) spreads keys that failed together.

        `asked` is the number of seconds for which the API server wants no further call. The delay
        is added to it, so that keys that were told so do not all come back at once.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first * 2.0 ** min(failures, 32), self._limit)
        wait = asked + delay * (0.5 + random / 2)
        self._until[key] = now + wait
        return wait

    def until(self, key: Key) -> float:
        """Returns until when the key waits after its last failure, -inf without one."""
        return self._until.get(key, float("-inf"))

    def succeeded(self, key: Key) -> None:
        """Resets the key, so that its next failure is the first one again."""
        self._failures.pop(key, None)
        self._until.pop(key, None)
