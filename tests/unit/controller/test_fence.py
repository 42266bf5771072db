"""When may a process write, and what ends it?"""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from llmstack.controller.fence import Fence
from llmstack.errors import LeaseLost


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fence(clock: Clock) -> Iterator[Fence]:
    fence = Fence(clock)
    yield fence
    fence.close()


def test_closed_before_a_lease_is_won(fence: Fence) -> None:
    with pytest.raises(LeaseLost):
        fence.check()


def test_open_until_its_moment_and_closed_from_then_on(fence: Fence, clock: Clock) -> None:
    fence.extend(clock.now + 3600)
    fence.check()
    clock.now += 3600
    with pytest.raises(LeaseLost):
        fence.check()


def test_closed_by_hand(fence: Fence, clock: Clock) -> None:
    fence.extend(clock.now + 3600)
    fence.close()
    assert not fence.open


GUARDED = """
import threading, sys
from llmstack.controller.fence import Fence, now
fence = Fence()
fence.extend(now() + 0.2)
sys.setswitchinterval(1e6)          # no other Python thread gets the interpreter
while True: pass                    # an event loop that never comes back
"""


def test_a_process_that_hangs_ends_by_itself_and_says_where_it_hung() -> None:
    source = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", GUARDED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": source},
    )
    assert done.returncode == 1
    assert 'File "<string>", line 7' in done.stderr
