"""Is each condition what the tables in rows/ say?"""

from typing import Any

import pytest

from llmstack.observed import Observed
from tests.unit.status.rows import ROWS
from tests.unit.status.samples import judged


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
