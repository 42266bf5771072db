"""Is each condition what the tables in rows/ say?"""

from typing import Any

import pytest

from llmstack.observed import Observed
from tests.unit.status.rows import ROWS
from tests.unit.status.samples import homeless, judged, observed


@pytest.mark.parametrize(
    ("sentence", "snapshot", "spec", "expected"), ROWS, ids=[r[0] for r in ROWS]
)
def test_a_condition(
    sentence: str, snapshot: Observed, spec: dict[str, Any], expected: tuple[str, str, str, str]
) -> None:
    kind, status, reason, message = expected
    found = judged(snapshot, **spec)[kind]
    assert (found.status.value, found.reason) == (status, reason), found.message
    assert message in found.message


@pytest.mark.parametrize(
    "more",
    [
        ".",
        ". preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not …",
    ],
)
def test_of_the_schedulers_words_those_stay_that_name_what_is_missing(more: str) -> None:
    words = "0/1 nodes are available: 1 Insufficient memory"
    found = judged(observed(homeless(f"{words}{more}")))

    assert found["Scheduled"].message == words
