"""What went wrong, and is it worth another try?

Fault         passing: tried again, a bounded number of times; carries the reason it ends with
FetchError    final: the reason and message of the termination message
"""

import errno
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from llmstack.api import reasons
from llmstack.api.sizes import gib
from llmstack.errors import FetchError, LLMStackError
from llmstack.settings.fetch import FetchSettings

_PASSING = (408, 421, 425, 429)
# Not implemented, HTTP version not supported, and a network that wants a login: they stay.
_FINAL_SERVER_ERRORS = (501, 505, 511)
MAX_BACKOFF = 15.0
MAX_RETRY_AFTER = 60.0

T = TypeVar("T")


class Fault(LLMStackError):
    """A failure that may pass. `relocate`: the signed address has probably expired."""

    def __init__(
        self, reason: str, message: str, *, retry_after: float = 0.0, relocate: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = min(retry_after, MAX_RETRY_AFTER)
        self.relocate = relocate


class Patience:
    """Retry policy. `note` tells the log."""

    def __init__(
        self, settings: FetchSettings, stop: threading.Event, note: Callable[[str], None]
    ) -> None:
        self.attempts = settings.attempts
        self._backoff = settings.backoff
        self._stop = stop
        self._note = note

    def persist(self, call: Callable[[], T]) -> T:
        """The call's result, after as many tries as the settings allow. Raises FetchError."""
        failures = 0
        while True:
            try:
                return call()
            except Fault as fault:
                failures += 1
                self.pause(failures, fault)

    def pause(self, failures: int, fault: Fault) -> None:
        """Wait after so many failures in a row (doubling, with jitter, bounded), or give up.

        Raises FetchError, with the fault's reason.
        """
        if self.is_over(failures) or self._stop.is_set():
            raise FetchError(fault.reason, f"{fault} (tried {failures} times)") from fault
        self._note(f"{fault} (try {failures} of {self.attempts})")
        longest = min(self._backoff * 2 ** (failures - 1), MAX_BACKOFF)
        self._stop.wait(max(longest * random.uniform(0.5, 1.0), fault.retry_after))  # noqa: S311

    def is_over(self, failures: int) -> bool:
        """Return True if there were too many failures."""
        return failures >= self.attempts


def may_pass(status: int) -> bool:
    """True for an answer that another try may better: a busy server, a CDN without its origin."""
    return status in _PASSING or (500 <= status <= 599 and status not in _FINAL_SERVER_ERRORS)


def cache_error(error: OSError, cache: Path, needed: int = 0) -> FetchError:
    """Return the error for the user when the cache's file system fails."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return cache_full(cache, needed)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return FetchError(
                reasons.CACHE_NOT_WRITABLE,
                f"the cache at {cache} is not writable for user {os.getuid()}: {error.strerror}. "
                "Mount the volume read-write and let its owner or fsGroup be the pod's",
            )
        case _:
            return FetchError(reasons.FETCH_FAILED, f"the cache at {cache} failed: {error}")


def cache_full(cache: Path, needed: int) -> FetchError:
    """Return the error for a full cache. `needed` is what is still to be written, in bytes."""
    free = free_space(cache)
    parts = [
        f"{gib(needed, 2)} more are needed" if needed else "",
        "" if free is None else f"{gib(free, 2)} are free",
    ]
    what = " and ".join(filter(None, parts)) or "no more can be written"
    return FetchError(
        reasons.CACHE_FULL,
        f"the cache is full: {what}. Give it more room (spec.cache.size; without one it is the "
        "node's disk) or remove models from it",
    )


def free_space(cache: Path) -> int | None:
    """Return the bytes that this user can still write, or None if unknown."""
    try:
        return available(os.statvfs(cache))
    except OSError:
        return None


def available(stat: os.statvfs_result) -> int | None:
    """What a file system reports as free, in bytes.

    Some (FUSE, object stores, tmpfs without a limit) report a size of 0 blocks: they do not tell.
    """
    return stat.f_bavail * stat.f_frsize if stat.f_blocks else None
