"""Which worker fetches which bytes?

Ranges are given out in order, the lowest first. A worker that fails gives the rest of its range
back. One that finds nothing left takes the second half of the range that would take longest: the
end of a download is not left to the slowest connection.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llmstack.models.plan import Range

# Below this, what is left of a range is not worth another request (the first one is cut off, and
# what is on its way is lost).
_WORTH_SHARING = 2**20
_WORTH_SECONDS = 1.0


@dataclass(eq=False)
class Segment:
    """A range in work: [position, end) is still to be fetched, [recorded, position) to be noted.

    `claimed` is where the piece in hand will end; what lies behind it may be taken away.
    """

    start: int
    end: int
    began: float

    def __post_init__(self) -> None:
        self.position = self.claimed = self.recorded = self.start

    def seconds_left(self, now: float) -> float:
        """Estimate the seconds left at the current speed. At least as long as nothing has come."""
        elapsed = now - self.began
        got = self.position - self.start
        return elapsed * (self.end - self.claimed) / got if got else elapsed


class Board:
    """The ranges of one file. Usable from several threads."""

    def __init__(
        self,
        todo: Iterable[Range],
        workers: int,
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._clock = clock
        self._todo = list(todo)
        heapq.heapify(self._todo)
        self._active: list[Segment] = []
        self._changed = threading.Condition()
        self._workers = workers
        self._error: BaseException | None = None
        self.received = 0

    def take(self) -> Segment | None:
        """The next range to fetch, waited for; None when there is nothing left to do."""
        with self._changed:
            while not self._error and (self._todo or self._active):
                if self.idle_work():
                    return self._give()
                # Someone may give a range back, or turn out to be slow.
                self._changed.wait(0.2)
            return None

    def idle_work(self) -> bool:
        """Return True if there is work for one more worker."""
        with self._changed:
            return bool(self._todo) or self._slowest() is not None

    def _give(self) -> Segment:
        start, end = heapq.heappop(self._todo) if self._todo else self._share()
        segment = Segment(start, end, self._clock())
        self._active.append(segment)
        return segment

    def _share(self) -> Range:
        longest = self._slowest()
        assert longest is not None, "idle_work was asked"
        middle, end = longest.claimed + (longest.end - longest.claimed) // 2, longest.end
        longest.end = middle
        return middle, end

    def _slowest(self) -> Segment | None:
        now = self._clock()
        worth = [found for found in self._active if found.end - found.claimed >= _WORTH_SHARING]
        longest = max(worth, key=lambda found: found.seconds_left(now), default=None)
        return longest if longest and longest.seconds_left(now) >= _WORTH_SECONDS else None

    def claim(self, segment: Segment, length: int) -> int:
        """Return how many of the received bytes belong to this worker; 0 if the download was
        cancelled.
        """
        with self._changed:
            if self._error:
                return 0
            allowed = min(length, segment.end - segment.position)
            segment.claimed = segment.position + allowed
            return allowed

    def advance(self, segment: Segment, length: int) -> None:
        """The claimed bytes are written."""
        with self._changed:
            segment.position += length
            self.received += length

    def finish(self, segment: Segment) -> None:
        """The whole range is written and recorded."""
        with self._changed:
            self._active.remove(segment)
            self._changed.notify_all()

    def give_back(self, segment: Segment) -> None:
        """Someone else may fetch the rest."""
        with self._changed:
            self._active.remove(segment)
            if segment.position < segment.end:
                heapq.heappush(self._todo, (segment.position, segment.end))
            self._changed.notify_all()

    def retire(self, received_before: int) -> bool:
        """Return True if a failing worker may stop because others have made progress meanwhile.

        (A server may allow fewer connections than were asked for.)
        """
        with self._changed:
            if self._workers < 2 or self.received == received_before:
                return False
            self._workers -= 1
            return True

    def fail(self, error: BaseException) -> None:
        """The download cannot go on. The first error counts."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds; return True if everything is downloaded. Raises the
        failure.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._is_done(), seconds)
            if self._error:
                raise self._error
            return self._is_done()

    def _is_done(self) -> bool:
        return not (self._todo or self._active)

    def prefix(self) -> int:
        """Return the number of contiguous bytes written from the start of the file."""
        with self._changed:
            starts = [segment.position for segment in self._active]
            starts += [pair[0] for pair in self._todo[:1]]
            return min(starts, default=self._total)

    def active(self) -> tuple[Segment, ...]:
        """The ranges in work."""
        with self._changed:
            return tuple(self._active)
