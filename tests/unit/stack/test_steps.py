"""Steps are shown with their time, done in order, and a failure says what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.errors import NotReady
from tests.e2e.cluster.underway import Underway
from tests.e2e.stack.errors import StackError
from tests.e2e.stack.steps import Progress, Step, StepFailed, duration


class Screen:
    """What a person sees, with a clock that each step moves on."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.progress = Progress(self.lines.append, lambda: self.now)

    def step(self, name: str, seconds: float = 0.0, result: str | None = None) -> Step:
        def run() -> str | None:
            self.now += seconds
            return result

        return Step(name, run, f"mend {name}")


@pytest.fixture
def screen() -> Iterator[Screen]:
    yield Screen()


def test_each_step_shows_when_it_began_and_how_long_it_took(screen: Screen) -> None:
    steps = [screen.step("tools", 65.0, "in bin"), screen.step("cluster", 4.0)]

    screen.progress.perform(steps)

    assert screen.lines == [
        "[ 0:00] tools ...",
        "[ 1:05] tools: in bin, 1 min 05 s",
        "[ 1:05] cluster ...",
        "[ 1:09] cluster: 4 s",
    ]


def test_what_is_built_in_a_step_is_told_now_and_then() -> None:
    lines: list[str] = []
    told = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if "of 1904" in line:
            told.set()

    builds = [Underway("kubernetes", 476, 1904, 100), Underway("helm", 0, 0, 61)]
    progress = Progress(say, lambda: 0.0, lambda: builds, interval=0.001)
    progress.perform([Step("tools", lambda: str(told.wait(60)), "")])

    assert lines[0] == "[ 0:00] tools ..."
    assert lines[1] == ("[ 0:00]   kubernetes: 476 of 1904, about 5 min left; helm: 1 min so far")
    assert lines[-1] == "[ 0:00] tools: True, 0 s"


def test_a_step_that_is_done_is_not_done_again(screen: Screen) -> None:
    def never() -> None:
        raise AssertionError("was done again")

    screen.progress.perform([Step("cluster", never, "", lambda: True)])

    assert screen.lines == ["[ 0:00] cluster: already done"]


EXPECTED = [StackError("helm said no"), NotReady("the node did not start")]


@pytest.mark.parametrize("error", EXPECTED, ids=lambda error: type(error).__name__)
def test_a_failed_step_says_what_was_seen_and_what_to_do(screen: Screen, error: Exception) -> None:
    def fail() -> None:
        raise error

    steps = [Step("chart", fail, "look at the log."), screen.step("sample")]
    with pytest.raises(StepFailed):
        screen.progress.perform(steps)

    assert screen.lines == [
        "[ 0:00] chart ...",
        "[ 0:00] chart: FAILED",
        f"\n{error}\n\nWhat to do: look at the log.",
    ]


def test_a_fault_of_ours_is_not_dressed_up_as_advice(screen: Screen) -> None:
    def fail() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        screen.progress.perform([Step("chart", fail, "nothing to do")])


TIMES = [(0.4, "0 s"), (59.2, "59 s"), (60.0, "1 min 00 s"), (252.0, "4 min 12 s")]


@pytest.mark.parametrize(("seconds", "text"), TIMES)
def test_a_time_span_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
