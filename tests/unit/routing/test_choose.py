"""Which of the replicas that fit serves best?"""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.affinity import NOTHING, Match
from llmstack.routing.choose import HOME, best, fits, score
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.routing.slots import Ledger, SlotsSeen

A, B = "a", "b"


def replica(name: str, total: int = 4, busy: int = 0, novel: int = 0) -> Ledger:
    ledger = Ledger(name, total, Counter())
    ledger.seen(SlotsSeen(0.0, total, busy))
    ledger.novel = novel
    return ledger


@pytest.mark.parametrize(
    ("slots", "busy", "fit"),
    [
        (1, 3, True),
        (1, 4, False),
        (2, 2, True),
        (2, 3, False),
        (WHOLE, 0, True),
        (WHOLE, 1, False),
        (NO_SLOTS, 4, True),
        (5, 0, False),
    ],
)
def test_what_fits(slots: int, busy: int, fit: bool) -> None:
    assert fits(slots, replica(A, 4, busy)) is fit


@pytest.mark.parametrize("slots", [1, WHOLE, NO_SLOTS])
def test_nothing_fits_where_nothing_new_is_wanted(slots: int) -> None:
    ledger = replica(A)
    ledger.accept(False)
    assert not fits(slots, ledger)


@pytest.mark.parametrize(
    ("rule", "replicas", "matches", "chosen"),
    [
        ("the least busy", [replica(A, busy=2), replica(B, busy=1)], {}, B),
        ("by its share of slots", [replica(A, 8, 4), replica(B, 2, 0)], {}, B),
        ("then where nothing new came for longest", [replica(A, novel=5), replica(B)], {}, B),
        ("at home, however busy", [replica(A, busy=3), replica(B)], {A: Match(2, 1)}, A),
        (
            "the longest of two homes",
            [replica(A), replica(B, busy=3)],
            {A: Match(3, 3), B: Match(8, 8)},
            B,
        ),
        ("a short common beginning counts less than load", [replica(A, 2, 1), replica(B, 2)],
         {A: Match(4, 0)}, B),
        ("a long one counts more", [replica(A, 2, 1), replica(B, 2)], {A: Match(60, 0)}, A),
        ("among idle ones any common beginning counts", [replica(A, novel=9), replica(B)],
         {A: Match(1, 0)}, A),
        ("one that all have counts nothing", [replica(A, 2, 1), replica(B, 2)],
         {A: Match(60, 0), B: Match(60, 0)}, B),
    ],
)  # fmt: skip
def test_the_best(
    rule: str, replicas: list[Ledger], matches: dict[str, Match], chosen: str
) -> None:
    top = best(replicas, matches, 64)
    assert top is not None
    assert top.replica == chosen, rule


def test_of_none_there_is_no_best() -> None:
    assert best([], {}, 0) is None
    assert best([], {A: Match(1, 1)}, 2) is None


@given(st.floats(0, 1), st.integers(0, 100), st.integers(0, 100), st.integers(1, 100))
def test_scores_are_shares_and_home_is_above_all_else(
    idle: float, cached: int, own: int, more: int
) -> None:
    length = cached + more
    elsewhere = score(idle, Match(cached, 0), length)
    home = score(idle, Match(cached, min(own, cached)), length)
    assert 0 <= score(idle, NOTHING, 0) <= elsewhere <= HOME
    assert home <= 1
    assert not min(own, cached) or home >= HOME
