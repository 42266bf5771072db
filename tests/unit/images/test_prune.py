"""Which images may go?"""

from __future__ import annotations

import pytest

from tests.e2e.images.prune import IN_USE_SECONDS, expired

NOW = 1_000_000.0
OLD = NOW - IN_USE_SECONDS - 1


@pytest.mark.parametrize(
    ("sentence", "used", "gone"),
    [
        ("nothing of nothing", {}, []),
        ("the newest few stay, however old", {"a": 1.0, "b": 2.0, "c": 3.0}, []),
        (
            "of more, the oldest go",
            {"a": OLD - 4, "b": OLD - 3, "c": OLD - 2, "d": OLD - 1, "e": OLD},
            ["b", "a"],
        ),
        (
            "but not what was wanted within the hour",
            {"a": OLD, "b": NOW - 9, "c": NOW - 8, "d": NOW - 7, "e": NOW - 6},
            ["a"],
        ),
    ],
)
def test_expired(sentence: str, used: dict[str, float], gone: list[str]) -> None:
    assert expired(used, NOW) == gone, sentence
