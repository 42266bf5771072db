"""Who downloads this model? One of all pods that share a cache; the others wait for it.

    locks/<key>      {"holder": nonce, "host": pod, "beat": n}; rewritten by its holder all along

Only to save work: two fetchers at once both end well (partials have owners of their own, a blob
appears by rename). So nothing here needs to be exact. No clocks are compared: a waiter takes over
a lock whose text has not changed for `patience` seconds of its own clock, or at once when the
holder ran on this very host (its flock is free: it is dead).
"""

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_BEATS_PER_PATIENCE = 5
_POLL_SECONDS = 0.5


class Lock:
    """The lock of one model. `waiting` is called once with the host of each holder waited for."""

    def __init__(self, path: Path, patience: float, waiting: Callable[[str], None]) -> None:
        self._path = path
        self._patience = patience
        self._waiting = waiting
        self._holder = secrets.token_hex(8)
        self._told: str | None = None
        self._fd = -1
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, is_done: Callable[[], bool]) -> bool:
        """Get the lock, or see that the work is done (False)."""
        seen, since = "", time.monotonic()
        while not is_done():
            if self._create():
                return True
            text = self._read()
            if text != seen:
                seen, since = text, time.monotonic()
            stale = time.monotonic() - since >= self._patience
            if stale or self._is_dead(text):
                self._take_over()
                continue
            self._tell(_field(text, "host"))
            time.sleep(_POLL_SECONDS)
        return False

    def release(self) -> None:
        """Let the next one in at once."""
        self._released.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        if self._fd >= 0:
            with suppress(OSError):
                if _field(self._read(), "holder") == self._holder:
                    self._path.unlink()
            os.close(self._fd)
            self._fd = -1

    def _tell(self, host: str) -> None:
        if host != self._told:
            self._told = host
            self._waiting(host)

    def _create(self) -> bool:
        try:
            fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o664)
        except FileExistsError:
            return False
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._fd = fd
        self._beat(0)
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._thread.start()
        return True

    def _renew(self) -> None:
        beat = 0
        while not self._released.wait(self._patience / _BEATS_PER_PATIENCE):
            beat += 1
            with suppress(OSError):
                self._beat(beat)

    def _beat(self, beat: int) -> None:
        """Fixed width, one write: a reader never sees half of it."""
        text = json.dumps({"holder": self._holder, "host": socket.gethostname(), "beat": beat})
        os.pwrite(self._fd, f"{text:<512}".encode(), 0)

    def _read(self) -> str:
        try:
            return self._path.read_text("utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _is_dead(self, text: str) -> bool:
        if _field(text, "host") != socket.gethostname():
            return False
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
        finally:
            os.close(fd)

    def _take_over(self) -> None:
        """Remove the dead one's lock: by renaming it away, so that of two waiters one succeeds."""
        grave = self._path.with_name(f"{self._path.name}.{self._holder}")
        with suppress(OSError):
            self._path.rename(grave)
            grave.unlink()


def _field(text: str, name: str) -> str:
    try:
        return str(json.loads(text).get(name, ""))
    except (ValueError, AttributeError):
        return ""
