"""Is every byte fetched, and none given to two workers for good? Played with a clock of our own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.fetch.board import Board
from llmstack.models.plan import chunks, merge

MIB = 2**20


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def play(total, size, workers, seed):
    """Workers that advance, fail, steal and finish in random order, until nothing is left."""
    chance, clock = random.Random(seed), Clock()
    board = Board(chunks([(0, total)], size), workers, total, clock)
    hands, written, prefixes = [], [], [0]
    while not board.wait(0):
        clock.now += chance.choice([0.1, 5.0])
        if len(hands) < workers and board.idle_work():
            hands.append(board.take())
        segment = chance.choice(hands)
        fate = chance.random()
        if fate < 0.1:
            board.give_back(segment)
            hands.remove(segment)
        else:
            count = board.claim(segment, chance.randrange(1, 2 * MIB))
            written.append((segment.position, segment.position + count))
            board.advance(segment, count)
            if segment.position >= segment.end:
                board.finish(segment)
                hands.remove(segment)
        prefixes.append(board.prefix())
        assert board.prefix() <= (merge(written) or [(0, 0)])[0][1]
    return written, prefixes


@given(
    st.integers(1, 40 * MIB), st.integers(MIB, 9 * MIB), st.integers(1, 8), st.integers(0, 10**6)
)
def test_every_byte_is_written_exactly_once(total, size, workers, seed):
    written, prefixes = play(total, size, workers, seed)
    assert merge(written) == ((0, total),)
    assert sum(end - start for start, end in written) == total
    assert prefixes == sorted(prefixes)


def test_the_slow_half_of_a_range_is_taken_over():
    clock = Clock()
    board = Board([(0, 8 * MIB)], 2, 8 * MIB, clock)
    slow = board.take()
    board.advance(slow, board.claim(slow, MIB))
    clock.now = 10.0
    other = board.take()
    assert (slow.end, other.start, other.end) == (4 * MIB + MIB // 2, 4 * MIB + MIB // 2, 8 * MIB)


def test_a_range_that_is_nearly_done_is_left_alone():
    clock = Clock()
    board = Board([(0, 8 * MIB)], 2, 8 * MIB, clock)
    fast = board.take()
    clock.now = 0.1
    board.advance(fast, board.claim(fast, 4 * MIB))
    assert not board.idle_work()


def test_after_a_failure_nobody_gets_more():
    board = Board([(0, 8 * MIB)], 2, 8 * MIB)
    segment = board.take()
    board.fail(RuntimeError("first"))
    board.fail(RuntimeError("second"))
    assert board.take() is None
    assert board.claim(segment, 10) == 0
    with pytest.raises(RuntimeError, match="first"):
        board.wait(0)


def test_one_that_keeps_failing_may_leave_only_while_others_get_on():
    board = Board([(0, 8 * MIB), (8 * MIB, 9 * MIB)], 2, 9 * MIB)
    segment = board.take()
    assert not board.retire(board.received), "nobody got on"
    before = board.received
    board.advance(segment, board.claim(segment, 10))
    assert board.retire(before)
    board.advance(segment, board.claim(segment, 10))
    assert not board.retire(before), "the last one stays"
