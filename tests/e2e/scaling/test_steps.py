"""Do replicas follow the load up and down, and is every stream whole that runs meanwhile?

Each stream's text is known to the last byte, and each step happens while streams are under way that
began before it and end after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.stack.stack import Stack

from .conftest import SOAK, STREAM_SECONDS
from .models import replicas_for
from .streams import Answer, Crowd, crowd
from .watching import Replicas, replicas_of

UP = (2, 4, 6, 8, 10) if SOAK else (2, 6)
DOWN = (8, 6, 4, 2, 1) if SOAK else (1,)
STREAMS = 500 if SOAK else 8
Record = Callable[[str, object], None]


@pytest.mark.soak
def test_replicas_follow_the_slots_and_no_stream_is_cut(
    stack: Stack, model: str, long_text: str, record_property: Record
) -> None:
    with replicas_of(stack, model) as replicas, crowd(stack, model, long_text) as streams:
        replicas.wait_for(1)  # Those of the test before have gone, perhaps only just now.
        began = time.monotonic()
        for count in UP:
            climb(replicas, streams, count)
        missing = STREAMS - len(streams.answers) - UP[-1]
        streams.wait_for_more(max(0, missing), seconds=7200)
        for count in DOWN:
            streams.want(count)
            replicas.wait_for(replicas_for(count), seconds=300)
        streams.wait_for_end()
        answers = streams.answers
        steps = [each for each in replicas.steps() if each[0] > began]

    assert not streams.failures()
    assert len(answers) >= STREAMS
    assert min(each.seconds for each in answers) >= STREAM_SECONDS
    up, down = [each for each in steps if each[1] > 0], [each for each in steps if each[1] < 0]
    assert len(up) >= len(UP)
    assert len(down) >= sum(by for _, by in up), "down by one at a time"
    crossing = [across(answers, moment) for moment, _ in steps]
    assert all(crossing), "a step that no stream ran across"
    record_property("steps up", len(up))
    record_property("steps down", len(down))
    record_property("streams", len(answers))
    record_property("cut or wrong", len(streams.failures()))
    record_property("shortest stream (s)", round(min(each.seconds for each in answers), 1))
    record_property("streams across each step", crossing)


def climb(replicas: Replicas, streams: Crowd, count: int) -> None:
    """So many streams at once; it takes one step, to just what they need."""
    streams.want(count)
    told = time.monotonic()
    replicas.wait_for(replicas_for(count))
    # (A look between two of the requests is right about the first of them.)
    assert set(replicas.since(told)) <= {str(replicas_for(count))}


def across(answers: list[Answer], moment: float) -> int:
    """How many of them were under way at this moment?"""
    return sum(each.began < moment < each.ended for each in answers)
