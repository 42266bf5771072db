"""When does a probe fail?"""

from __future__ import annotations

import pytest

from llmstack.controller.health import PASS_SECONDS, Vitals
from llmstack.controller.watched import WATCH_SECONDS

NOW = 10_000.0
OLD_WATCH = NOW - WATCH_SECONDS - 200


def vitals(contact: float = NOW, watch: float = NOW, longest: float = 0.0) -> Vitals:
    return Vitals(
        lambda: NOW, contact=contact, watches={"pods": watch}, longest_pass=lambda: longest
    )


TABLE = [
    ("all is well", vitals(), ""),
    ("a pass takes its time", vitals(longest=PASS_SECONDS - 1), ""),
    ("a pass is stuck", vitals(longest=PASS_SECONDS + 1), "a pass has been running for 301 s"),
    ("a watch is about to be begun anew", vitals(watch=NOW - WATCH_SECONDS), ""),
    ("a watch is stuck", vitals(watch=OLD_WATCH), "the watch of pods was not renewed for 440 s"),
    ("no watch without an API server: a restart would not help",
     vitals(watch=OLD_WATCH, contact=NOW - 60), ""),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "state", "trouble"), TABLE, ids=[row[0] for row in TABLE])
def test_troubles_that_a_restart_would_mend(sentence: str, state: Vitals, trouble: str) -> None:
    assert "; ".join(state.troubles()) == trouble


def test_in_touch_is_who_had_an_answer_within_half_a_minute() -> None:
    assert vitals(contact=NOW - 29).in_touch()
    assert not vitals(contact=NOW - 31).in_touch()
    assert not Vitals(lambda: NOW).in_touch()
