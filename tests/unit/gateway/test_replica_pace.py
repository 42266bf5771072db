"""How often is a replica that is away looked for?"""

from __future__ import annotations

import pytest

from llmstack.gateway.replica_pace import Pace

ROWS = [
    ("at first ten times a second", 0.0, 0.1),
    ("so a model that loads in two seconds is seen within a tenth", 2.0, 0.1),
    ("one that takes longer, within a twentieth of the time", 6.0, 0.3),
    ("but twice a second all the same", 600.0, 0.5),
]


@pytest.mark.parametrize(("sentence", "away", "pause"), ROWS, ids=[row[0] for row in ROWS])
def test_how_long_until_the_next_try(sentence: str, away: float, pause: float) -> None:
    assert Pace().until_next_try(away) == pytest.approx(pause)
