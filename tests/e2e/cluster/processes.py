"""How does a long-running program start, become ready, and end with whoever started it?"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .errors import NotReady

# The kernel sends a parent-death signal when the *thread* that forked ends. So all programs are
# started from this one thread, which lives as long as the process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class Program:
    """One program with its log; started again under the same name it appends to the same log."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.argv = [str(argument) for argument in argv]
        self.log = log
        self.environment = environment
        self.directory = directory
        self.wanted = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; it is killed when this process dies, however that happens."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = _spawner.submit(self._spawn).result()
        # Last: who restarts what is wanted and does not run must not see it half started.
        self.wanted = True

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM, patience: float = 10.0) -> None:
        """Ends it by a signal, by SIGKILL where it does not heed that for `patience` seconds."""
        self.wanted = False
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @contextmanager
    def ended_when_readable(self) -> Iterator[int]:
        """A descriptor that becomes readable when it ends."""
        if self._process is None:
            raise RuntimeError(f"{self.argv[0]} was not started")
        descriptor = os.pidfd_open(self._process.pid)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Returns when `ready()`; NotReady with the end of the log when it ended or took longer."""

        def ready_or_dead() -> bool:
            if not self.running:
                raise NotReady(f"{self.argv[0]} ended before {what}.\n{self.last_lines()}")
            return ready()

        try:
            wait_until(ready_or_dead, what, seconds)
        except TimeoutError as error:
            raise NotReady(f"{error}\n{self.last_lines()}") from None

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, for messages."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *lines[-count:]])

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self.environment or {}),
                cwd=self.directory,
            )


def wait_until(ready: Callable[[], bool], what: str, seconds: float) -> None:
    """Asks `ready()` until it says yes; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.05)
