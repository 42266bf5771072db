"""How is a tenant slowed whose requests end servers?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.probation import Probation, Terms

TERMS = Terms(pause=1, longest_pause=300, slow=30, longest_slow=3600)


def test_nobody_is_slowed_without_a_reason() -> None:
    probation = Probation(TERMS)
    assert not probation
    assert not probation.slowed("a", 0)
    assert probation.pause("a", 0) == 0


def test_after_a_strike_there_is_a_pause_and_then_one_at_a_time() -> None:
    probation = Probation(TERMS)
    probation.strike("a", 100)
    assert probation.pause("a", 100.25) == 0.75
    assert probation.pause("a", 101) == 0
    assert [probation.slowed("a", at) for at in (100, 129, 130)] == [True, True, False]
    assert not probation.slowed("b", 100)


def test_each_further_strike_doubles_both() -> None:
    probation = Probation(TERMS)
    for strike in range(3):
        probation.strike("a", strike)
    assert probation.pause("a", 2) == 4
    assert [probation.slowed("a", at) for at in (2 + 119, 2 + 120)] == [True, False]


def test_it_is_forgotten_after_as_long_again() -> None:
    probation = Probation(TERMS)
    probation.strike("a", 0)
    probation.strike("a", 59)
    assert probation.pause("a", 59) == 2
    probation.strike("b", 0)
    probation.strike("b", 60)
    assert probation.pause("b", 60) == 1


def test_it_can_be_switched_off() -> None:
    probation = Probation(Terms(slow=0))
    probation.strike("a", 0)
    assert not probation.slowed("a", 0)
    assert probation.pause("a", 0) == 0


@given(st.integers(1, 60))
def test_the_rate_of_deaths_is_bounded(seconds: int) -> None:
    """A tenant that kills as soon as it may ends few servers: the logarithm of the time."""
    probation, now, deaths = Probation(TERMS), 0.0, 0
    while now <= seconds:
        deaths += 1
        probation.strike("a", now)
        now += probation.pause("a", now)
    assert deaths <= 1 + seconds.bit_length()
