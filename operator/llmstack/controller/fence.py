"""May this process write, and what ends it when it may not?

The fence is open until a moment on this machine's clock; each renewal of the Lease extends it.
After that moment two things happen by themselves, neither of which the event loop can delay:

- every change that is about to be sent to the API server is refused with LeaseLost;
- a thread that needs no interpreter lock writes a traceback of all threads and ends the process.
"""

import faulthandler
import logging
import os
import time
from collections.abc import Callable
from typing import NoReturn

from llmstack.errors import LeaseLost

_GRACE_SECONDS = 0.5
"""Seconds that the event loop has to end the process itself, with a line in the log."""


def now() -> float:
    """Returns the seconds of a clock that never goes back and runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def end_process() -> NoReturn:
    """Ends the process at once, so that nothing that is still running can write."""
    logging.shutdown()
    os._exit(1)


class Fence:
    """Whether this process may write. Closed until the Lease is acquired."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._until = float("-inf")

    @property
    def until(self) -> float:
        """The moment until which this process may write."""
        return self._until

    def left(self) -> float:
        """Returns the seconds for which this process may still write."""
        return max(self._until - self._clock(), 0.0)

    @property
    def open(self) -> bool:
        """True if this process may write now."""
        return self._clock() < self._until

    def check(self) -> None:
        """Raises LeaseLost unless this process may write now."""
        if not self.open:
            raise LeaseLost("this process holds no Lease now: nothing may be written")

    def extend(self, until: float) -> None:
        """Allows writing until this moment, because the Lease was acquired or renewed.

        Resets the thread that ends the process, which waits a little longer, so that the event loop
        can end it first and log why.
        """
        self._until = until
        guard = max(until - self._clock(), 0) + _GRACE_SECONDS
        faulthandler.dump_traceback_later(guard, exit=True)

    def close(self) -> None:
        """Forbids writing; the process continues."""
        self._until = float("-inf")
        faulthandler.cancel_dump_traceback_later()
