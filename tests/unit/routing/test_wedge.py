"""Is a silent server wedged, or does it compute?"""

from llmstack.routing.wedge import Wedge

LIMIT = 120.0


def test_silence_of_slots_and_streams_for_so_long_is_a_wedge() -> None:
    wedge = Wedge(LIMIT)
    wedge.asked(10)
    assert [wedge.check(10 + seconds) for seconds in (1, 60, 119.9, 120)] == [False] * 3 + [True]


def test_it_ends_with_the_next_good_answer() -> None:
    wedge = Wedge(LIMIT)
    wedge.asked(0)
    wedge.check(LIMIT)
    wedge.answered()
    assert not wedge.check(LIMIT + 1)


def test_a_byte_alone_does_not_end_it() -> None:
    wedge = Wedge(LIMIT)
    wedge.asked(0)
    wedge.check(LIMIT)
    wedge.byte(LIMIT + 1)
    assert wedge.check(LIMIT + 1)


def test_a_prefill_of_a_minute_survives() -> None:
    wedge = Wedge(LIMIT)
    for second in range(0, 60, 15):
        wedge.asked(second)
        assert not wedge.check(second + 15)
    wedge.answered()
    wedge.asked(61)
    assert not wedge.check(61 + 119)


def test_as_long_as_a_stream_speaks_it_computes() -> None:
    wedge = Wedge(LIMIT)
    wedge.asked(0)
    for second in range(0, 1000, 100):
        wedge.byte(second)
        assert not wedge.check(second + 100)


def test_silence_begins_with_the_first_question_without_an_answer() -> None:
    wedge = Wedge(LIMIT)
    wedge.asked(0)
    wedge.answered()
    assert not wedge.check(1000)
    wedge.asked(1000)
    wedge.asked(1100)
    assert wedge.check(1120)
