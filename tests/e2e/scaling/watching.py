"""What did an object show, and when?

kubectl watches; each line that differs from the one before is kept with its time. Where the watch
ends by itself (the API server went away), it is started again.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeVar

from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.follow import only
from tests.e2e.stack.stack import DEPLOYMENT_LABEL, Stack

Line = tuple[float, str]
"""When (time.monotonic) it was heard, and what."""

PAUSE = 0.2
W = TypeVar("W", bound="Watch")


class Watch:
    """The lines so far."""

    def __init__(self, command: list[str]) -> None:
        self.lines: list[Line] = []
        self._command = command
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def since(self, moment: float) -> list[str]:
        """What it showed from then on."""
        return [line for when, line in self.lines if when >= moment]

    def now(self) -> str:
        """What it showed last; "" if nothing yet."""
        return self.lines[-1][1] if self.lines else ""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            # Closed between the question above and the start: nobody else would end it.
            if self._closed.is_set():
                self._process.kill()
            with self._process as process:
                assert process.stdout is not None
                for line in process.stdout:
                    self._heard(line.strip())
            self._closed.wait(PAUSE)

    def _heard(self, line: str) -> None:
        if line != self.now():
            self.lines.append((time.monotonic(), line))


class Replicas(Watch):
    """How many replicas a Deployment was asked for, over time."""

    def counts(self) -> list[tuple[float, int]]:
        """Each number that was asked for, and since when."""
        return [(when, int(line)) for when, line in self.lines]

    def is_at(self, count: int) -> bool:
        return self.now() == str(count)

    def wait_for(self, count: int, seconds: float = 90.0) -> None:
        """Until so many are asked for."""
        wait_until(lambda: self.is_at(count), f"{count} replicas, after {self.lines}", seconds)

    def steps(self) -> list[tuple[float, int]]:
        """Each change: when, and by how many."""
        counts = self.counts()
        return [(when, after - before) for (_, before), (when, after) in pairwise(counts)]


@contextmanager
def replicas_of(stack: Stack, name: str) -> Iterator[Replicas]:
    """The Deployment's replicas while it lasts."""
    with _watching(Replicas(_get(stack, "{.spec.replicas}", "deployments", *only(name)))) as watch:
        yield watch


@contextmanager
def pods_of(stack: Stack, name: str) -> Iterator[Watch]:
    """Lines of a pod's name, and True once it is ready."""
    ready = '{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}'
    of = f"--selector={DEPLOYMENT_LABEL}={name}"
    watch = Watch([*_get(stack, ready, "pods", of), "--watch-only"])
    with _watching(watch, known=False):
        yield watch


@contextmanager
def _watching(watch: W, known: bool = True) -> Iterator[W]:
    watch.start()
    try:
        if known:
            wait_until(lambda: bool(watch.lines), "the first line", 30)
        yield watch
    finally:
        watch.close()


def _get(stack: Stack, shown: str, *what: str) -> list[str]:
    options = (f"--namespace={stack.namespace}", "--watch", f'--output=jsonpath={shown}{{"\\n"}}')
    kubectl = (str(binary("kubectl")), f"--kubeconfig={stack.cluster.kubeconfig}")
    return [*kubectl, "get", *what, *options]
