"""What is a step, and what does a person see of it?

    [ 0:00] tools: kubectl and helm ...
    [ 0:20]   kubernetes: 245 of 1904, about 4 min left
    [ 4:12] tools: kubectl and helm, 4 min 12 s
    [ 4:12] cluster: already done

Steps are done in order; each can be done again, so that a run that was killed is simply started
once more. A step that fails ends the run, with its own words and its advice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.underway import Underway, underway
from tests.e2e.images import ImageError

from .errors import StackError

EXPECTED = (StackError, ClusterError, ImageError)
"""Errors whose message is for the user; anything else is a fault of ours and shows its trace."""


@dataclass(frozen=True)
class Step:
    """One thing to do. `run` returns what the user should know of the result, or nothing."""

    name: str
    run: Callable[[], str | None]
    advice: str
    is_done: Callable[[], bool] = lambda: False


class StepFailed(StackError):
    """A step failed; the user has been told why."""


class Progress:
    """Shows steps with the time since the first one."""

    def __init__(
        self,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        builds: Callable[[], Sequence[Underway]] = underway,
        interval: float = 20,
    ) -> None:
        self._say = say
        self._clock = clock
        self._started = clock()
        self._builds = builds
        self._interval = interval

    def perform(self, steps: Sequence[Step]) -> None:
        """Does what is not done yet. Raises StepFailed at the first that fails."""
        for step in steps:
            self._perform(step)

    def line(self, text: str) -> None:
        """Says something with the time before it."""
        minutes, seconds = divmod(int(self._clock() - self._started), 60)
        self._say(f"[{minutes:2}:{seconds:02}] {text}")

    def _perform(self, step: Step) -> None:
        if step.is_done():
            self.line(f"{step.name}: already done")
            return
        self.line(f"{step.name} ...")
        began = self._clock()
        try:
            with self._telling():
                result = step.run()
        except EXPECTED as error:
            self.line(f"{step.name}: FAILED")
            self._say(f"\n{error}\n\nWhat to do: {step.advice}")
            raise StepFailed(step.name) from error
        took = duration(self._clock() - began)
        self.line(f"{step.name}: {result}, {took}" if result else f"{step.name}: {took}")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Says now and then how far builds are, for as long as the step takes."""
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(self._interval):
                if builds := self._builds():
                    self.line("  " + "; ".join(map(str, builds)))

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()


def duration(seconds: float) -> str:
    """How is a time span written? `4 min 12 s`, `3 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
