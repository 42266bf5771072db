"""Is a trickle told from a slow connection and from a slow disk?"""

import pytest

from llmstack.fetch.pace import Pace


@pytest.mark.parametrize(
    ("sentence", "steps", "slow"),
    [
        ("nothing yet", [], False),
        ("two bytes a second for a minute", [(2, 1.0)] * 60, True),
        ("the same, but the window is not over", [(2, 1.0)] * 59, False),
        ("just the floor", [(1000, 1.0)] * 120, False),
        ("a good start does not pay for a trickle", [(60_000, 60.0), *[(2, 1.0)] * 60], True),
        ("a trickle that recovers in time", [*[(2, 1.0)] * 50, (10**6, 10.0)], False),
        ("a disk that blocks between two reads takes no time here", [(2**18, 0.1)] * 9, False),
    ],
)
def test_judged(sentence, steps, slow):
    pace = Pace(floor=1000, window=60)
    assert [pace.too_slow(*step) for step in steps].count(True) == int(slow), sentence
    if slow:
        assert pace.bytes_per_second == 2
