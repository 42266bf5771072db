"""What does a llama-server say of itself? Its words are those of a build 11434."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.replica_answers import deferred, slots, total_slots

IDLE = {"id": 0, "n_ctx": 1024, "speculative": False, "is_processing": False}
BUSY = {**IDLE, "id": 1, "is_processing": True, "params": {"stream": True, "samplers": ["top_k"]}}


def test_slots_and_how_many_compute() -> None:
    assert slots(json.dumps([IDLE, BUSY, IDLE]).encode()) == (3, 1)
    assert slots(json.dumps([IDLE, BUSY], separators=(",", ":")).encode()) == (2, 1)


@given(st.lists(st.booleans(), min_size=1), st.text())
def test_prompts_that_a_server_repeats_are_no_slots(states: list[bool], prompt: str) -> None:
    text = prompt + '"is_processing": true'
    answer = json.dumps([{**IDLE, "is_processing": state, "prompt": text} for state in states])
    assert slots(answer.encode()) == (len(states), sum(states))


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"error": {"code": 500}}', b"<html>"])
def test_an_answer_without_slots_is_none(answer: bytes) -> None:
    with pytest.raises(ValueError, match="lists no slots"):
        slots(answer)


def test_all_slots() -> None:
    assert total_slots(b'{"total_slots": 4, "model_path": "/models/a.gguf"}') == 4


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"total_slots": 0}', b'{"total_slots": "4"}', b"<html>"]
)
def test_an_answer_that_does_not_say_is_none(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        total_slots(answer)


METRICS = b"""# HELP llamacpp:requests_deferred Number of requests deferred
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred %s
# HELP llamacpp:n_busy_slots_per_decode Average number of busy slots per llama_decode() call
llamacpp:n_busy_slots_per_decode 1
"""

DEFERRED = [
    ("none", METRICS % b"0", 0),
    ("some", METRICS % b"12", 12),
    ("a float", METRICS % b"1e+01", 10),
    ("no number", METRICS % b"1.1.1", None),
    ("another server", b"vllm:requests 3", None),
]


@pytest.mark.parametrize(("sentence", "text", "count"), DEFERRED, ids=[row[0] for row in DEFERRED])
def test_requests_that_wait_inside(sentence: str, text: bytes, count: int | None) -> None:
    assert deferred(text) == count
