"""When may the next call go out?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.kube.pace import Bucket, seconds_to_wait

LONG = 1e9
BEFORE = 1448366400.0


def test_a_burst_goes_out_at_once_and_the_rest_one_after_the_other() -> None:
    bucket = Bucket(rate=10, burst=3)
    assert [round(bucket.reserve(5.0, LONG) or 0, 6) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]
    assert bucket.reserve(100.0, LONG) == 0


def test_a_call_that_could_not_wait_so_long_reserves_nothing() -> None:
    bucket = Bucket(rate=1, burst=1)
    assert bucket.reserve(0.0, LONG) == 0
    assert bucket.reserve(0.0, longest=0.5) is None
    assert bucket.reserve(0.0, LONG) == 1


def test_a_turn_that_is_given_back_is_the_next_ones() -> None:
    bucket = Bucket(rate=1, burst=1)
    bucket.reserve(0.0, LONG)
    bucket.reserve(0.0, LONG)
    bucket.give_back()
    assert bucket.reserve(0.0, LONG) == 1


def test_all_wait_as_long_as_the_server_asks_and_then_come_one_by_one() -> None:
    bucket = Bucket(rate=10, burst=3)
    bucket.hold(7.0)
    bucket.hold(6.0)
    assert [round(bucket.reserve(5.0, LONG) or 0, 6) for _ in range(3)] == [2, 2.1, 2.2]
    assert bucket.reserve(100.0, LONG) == 0


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.lists(st.tuples(st.floats(0, 2), st.sampled_from([0.1, 1.0, LONG])), max_size=200),
)
def test_never_more_than_the_burst_and_what_came_since(
    rate: int, burst: int, steps: list[tuple[float, float]]
) -> None:
    bucket, now, sent = Bucket(rate, burst), 0.0, list[float]()
    for pause, longest in steps:
        now += pause
        wait = bucket.reserve(now, longest)
        if wait is not None:
            assert 0 <= wait <= longest
            sent.append(now + wait)
    assert sent == sorted(sent)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = burst + (sent[last] - sent[first]) * rate
            assert last - first + 1 <= allowed + 1e-6


@pytest.mark.parametrize(
    ("status", "told", "reads", "wait"),
    [
        (429, "3", False, 3),
        (429, "", False, 1),
        (429, "0", False, 1),
        (429, "soon", False, 1),
        (429, "Tue, 24 Nov 2015 12:00:05 GMT", False, 5),
        (429, "Tue, 24 Nov 2015 11:00:00 GMT", False, 1),
        (503, "2", False, 2),
        (503, "", True, None),
        (504, "2", True, 2),
        (504, "2", False, None),
        (500, "2", False, None),
        (409, "2", True, None),
        (200, "2", True, None),
    ],
)
def test_may_the_same_call_be_sent_again(
    status: int, told: str, reads: bool, wait: float | None
) -> None:
    assert seconds_to_wait(status, told, BEFORE, reads=reads) == wait
