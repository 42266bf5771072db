"""Which bodies come too slowly?"""

import pytest

from llmstack.gateway.http.progress import Progress

MB = 1_000_000


def ends(credit: float, rate: int, pace: float, size: int, tick: float = 1.0) -> float | None:
    """When it is given up; None if all of it comes."""
    progress = Progress(credit, rate, 0.0, 0)
    now, came = 0.0, 0.0
    while came < size:
        now, came = now + tick, came + pace * tick
        if progress.is_late(now, int(came)):
            return now
    return None


@pytest.mark.parametrize(
    ("pace", "size", "given_up"),
    [
        (400_000, 20 * MB, None),
        (5_000, 20 * MB, None),
        (1, 20 * MB, 31),
        (0, 1, 31),
        (2_048, 20 * MB, 61),
    ],
)
def test_is_judged_by_its_pace(pace: float, size: int, given_up: float | None) -> None:
    assert ends(30, 4096, pace, size) == given_up


def test_a_fast_beginning_buys_no_more_than_the_credit() -> None:
    progress = Progress(30, 4096, 0.0, 0)
    assert not progress.is_late(1, 20 * MB)
    assert not progress.is_late(31, 20 * MB)
    assert progress.is_late(31.5, 20 * MB)


def test_what_comes_again_buys_time_again() -> None:
    progress = Progress(30, 4096, 0.0, 0)
    assert not progress.is_late(29, 0)
    assert not progress.is_late(29.5, 20 * 4096)
    assert not progress.is_late(49, 20 * 4096)
    assert progress.is_late(52, 20 * 4096)
