"""How far is the download, how fast, how long will it take? As JSON lines.

The speed is that of the last ten seconds: what an earlier fetch had downloaded does not count.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable

from llmstack.models.report import Progress, encode_progress

_WINDOW_SECONDS = 10.0


class Meter:
    """Counts bytes and writes a line at most every `interval` seconds. Usable from threads."""

    def __init__(
        self,
        write: Callable[[str], None],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._file = ""
        self._bytes = 0
        self._total: int | None = None
        self._samples: deque[tuple[float, int]] = deque()
        self._written_at = float("-inf")

    def begin(self, have: int, total: int | None) -> None:
        """A model is to be fetched: so many of its bytes are there already."""
        with self._lock:
            self._bytes, self._total = have, total
            self._samples = deque([(self._clock(), have)])

    def work_on(self, file: str) -> None:
        """This file is fetched now."""
        with self._lock:
            self._file = file

    def add(self, count: int) -> None:
        """Bytes have come (or, less than 0, must be fetched again)."""
        with self._lock:
            self._bytes += count

    def tick(self) -> None:
        """Write a line if it is time."""
        if self._clock() - self._written_at >= self._interval:
            self.flush()

    def flush(self) -> None:
        """Write a line."""
        self._written_at = self._clock()
        self._write(encode_progress(self.now()))

    def left(self) -> int:
        """Return the number of bytes left, or 0 if unknown."""
        with self._lock:
            return 0 if self._total is None else max(0, self._total - self._bytes)

    def note(self, message: str) -> None:
        """Write a line for people: a failure that is tried again, a wait."""
        self._write(json.dumps({"event": "note", "message": message}))

    def now(self) -> Progress:
        """Return the current progress."""
        with self._lock:
            speed = self._speed(self._clock())
            left = None if self._total is None else max(0, self._total - self._bytes)
            eta = round(left / speed) if left is not None and speed >= 1 else None
            return Progress(
                self._file,
                max(0, self._bytes),
                self._total,
                max(0, int(speed)),
                0 if left == 0 else eta,
            )

    def _speed(self, now: float) -> float:
        """Samples are at least a tenth of the window apart, so that there are few."""
        if now - self._samples[-1][0] >= _WINDOW_SECONDS / 10:
            self._samples.append((now, self._bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW_SECONDS:
            self._samples.popleft()
        since, then = self._samples[0]
        return max(0.0, (self._bytes - then) / (now - since)) if now > since else 0.0
