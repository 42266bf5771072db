"""What would scale better than anyone can? Three that no product can have, for `bursts`.

- `Reactive` sees the queue, the busy slots and the arrivals of each second, with no delay, and asks
  at once for what drains them.
- `Told` learns of each burst as it begins, and as it ends, from whoever draws the trace. Pauses are
  exponential: nothing that came before tells when the next burst begins, so all that a rule without
  foresight can choose is how many replicas stay in a pause, and how many run in a burst.
- `Clairvoyant` knows each arrival and its work in advance, and starts replicas a load time early.
"""

import bisect
import math
from collections import deque
from collections.abc import Sequence

from bench.scaling.replica import SLOWER, SPEED
from bench.scaling.traces import Trace
from bench.scaling.view import MOST, View

SLOTS = 4
_BUSY_SPEED = SPEED / (1 + SLOWER * (SLOTS - 1))
_SERVICE = 24.0
"""Seconds that a mean request takes on a busy replica."""
_STEP = 5.0


class Sees:
    """It looks each second, and starts nothing at 0: it never goes there."""

    interval = 1.0

    def called(self, view: View, now: float) -> bool:
        return False


class Reactive(Sees):
    """At least `floor`; `surge`: all while something waits; down when `hold` s asked for fewer.

    With a `window` it also asks for what the arrivals of so many seconds will fill.
    """

    def __init__(self, floor: int, share: float, hold: float, surge: bool, window: float) -> None:
        self._floor, self._share = floor, share
        self._hold, self._surge, self._window = hold, surge, window
        self._asked: deque[tuple[float, int]] = deque()
        self._arrivals: deque[tuple[float, int]] = deque()

    def wanted(self, view: View, now: float) -> int:
        slots = max(_slots(view), _SERVICE * self._rate(view, now))
        count = math.ceil(slots / SLOTS / self._share)
        if self._surge and view.load.waiting_slots:
            count = MOST
        self._asked.append((now, min(MOST, max(self._floor, count))))
        while self._asked[0][0] < now - self._hold:
            self._asked.popleft()
        return max(count for _, count in self._asked)

    def _rate(self, view: View, now: float) -> float:
        self._arrivals.append((now, view.load.requests))
        while self._arrivals[0][0] < now - self._window:
            self._arrivals.popleft()
        since, before = self._arrivals[0]
        if now - since < _STEP:
            return 0.0
        return (view.load.requests - before) / (now - since)


class Told(Sees):
    """`burst` replicas in a burst, `pause` between, and more while the queue is not drained."""

    def __init__(self, ends: Sequence[tuple[float, bool]], pause: int, burst: int) -> None:
        self._ends, self._pause, self._burst = ends, pause, burst

    def wanted(self, view: View, now: float) -> int:
        on = next((on for end, on in self._ends if now < end), False)
        if on:
            return self._burst
        return min(MOST, max(self._pause, math.ceil(_slots(view) / SLOTS)))


class Clairvoyant(Sees):
    """`share` of the slots that will be busy, the most of a load time and `keep` s ahead."""

    def __init__(self, trace: Trace, load: float, share: float, keep: float) -> None:
        self._needed = [math.ceil(share * busy / SLOTS) for busy in _busy(trace)]
        self._ahead = math.ceil((load + keep) / _STEP) + 2  # A step begins after what it counts.

    def wanted(self, view: View, now: float) -> int:
        at = int(now / _STEP)
        return min(MOST, max([1, *self._needed[at : at + self._ahead]]))


def _slots(view: View) -> int:
    return view.load.occupied + view.load.waiting_slots


def _busy(trace: Trace) -> list[int]:
    """How many slots are busy each five seconds if nobody waits."""
    begins = sorted(request.at for request in trace.requests)
    ends = sorted(request.at + request.work / _BUSY_SPEED for request in trace.requests)
    times = [_STEP * step for step in range(int(trace.duration / _STEP) + 1)]
    return [bisect.bisect(begins, time) - bisect.bisect(ends, time) for time in times]
