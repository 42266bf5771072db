"""May this process write, and who ends it when it may not?

The fence stands open until a moment on this machine's clock; each renewal of the Lease moves the
moment on. Past it, two things happen on their own, neither of which the event loop can hold up:

- every change that is about to be sent to the API server is refused with LeaseLost;
- a thread that needs no interpreter lock writes where each thread was, and ends the process.
"""

import faulthandler
import logging
import os
import time
from collections.abc import Callable
from typing import NoReturn

from llmstack.errors import LeaseLost

_GRACE_SECONDS = 0.5


def now() -> float:
    """Seconds on a clock that never steps back and goes on while the process or machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def end_process() -> NoReturn:
    """Ends the process at once: nothing that is still running may write any more."""
    logging.shutdown()
    os._exit(1)


class Fence:
    """Closed until a Lease is won."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._until = float("-inf")

    @property
    def until(self) -> float:
        """The last moment at which this process may write."""
        return self._until

    def left(self) -> float:
        """For how many seconds may this process still write?"""
        return max(self._until - self._clock(), 0.0)

    @property
    def open(self) -> bool:
        """May this process write now?"""
        return self._clock() < self._until

    def check(self) -> None:
        """Raises LeaseLost unless this process may write now."""
        if not self.open:
            raise LeaseLost("this process holds no Lease now: nothing may be written")

    def extend(self, until: float) -> None:
        """The Lease was won or renewed: writing is allowed until then, and the guard is reset.

        The guard's grace lets the event loop end the process first, with a line in the log.
        """
        self._until = until
        guard = max(until - self._clock(), 0) + _GRACE_SECONDS
        faulthandler.dump_traceback_later(guard, exit=True)

    def close(self) -> None:
        """Writing ends; the process goes on."""
        self._until = float("-inf")
        faulthandler.cancel_dump_traceback_later()
