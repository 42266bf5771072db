"""What does a llama-server say of itself? Its words are those of a build 11434."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.interface import Work
from llmstack.engines.llamacpp.answers import (
    busy,
    capacity,
    context,
    deferred,
    is_loading,
    keeps_apart,
    leases,
    slots,
    total_slots,
    work,
)
from llmstack.engines.llamacpp.request_headers import request_lines

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


def slot(task: int, decoded: int, remain: int, *, busy: bool = True) -> dict[str, object]:
    token = {"has_next_token": busy, "n_remain": remain, "n_decoded": decoded}
    return {
        **IDLE,
        "is_processing": busy,
        "id_task": task,
        "params": {"n_predict": decoded + remain},
        "next_token": [token],
    }


def test_what_busy_slots_have_done_is_told_apart() -> None:
    shown = [slot(3, 10, 90), IDLE, slot(4, 100, 0, busy=False), slot(5, 0, -1), BUSY]
    assert work(json.dumps(shown).encode()) == (Work(3, 10, 90), Work(5, 0, -1))
    assert work(b"[]") == ()


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


def name(lease: int) -> str:
    """What this process calls a lease."""
    line = request_lines(lease, "", "smol", "")
    return line.split()[1].decode()


def of_slots(
    names: list[str], waiting: str | None, text: str = ""
) -> tuple[bytes, dict[bytes, bytes]]:
    shown = [{**(BUSY if lease else IDLE), "lease": lease, "prompt": text} for lease in names]
    headers = {} if waiting is None else {b"x-llmstack-waiting": waiting.encode()}
    return json.dumps(shown).encode(), headers


def test_the_leases_of_this_process_that_compute_and_that_wait() -> None:
    names = [name(7), "", name(7), "0-9", name(12)]
    assert leases(*of_slots(names, f"{name(8)},0-3,{name(7)}")) == ({7: 2, 12: 1}, {7, 8})
    assert leases(*of_slots(["", ""], "")) == ({}, frozenset())


def test_a_server_without_our_patch_shows_no_leases() -> None:
    assert leases(json.dumps([IDLE, BUSY]).encode(), {}) is None


@given(st.text())
def test_prompts_that_a_server_repeats_are_no_leases(prompt: str) -> None:
    text = prompt + f'"lease": "{name(9)}"'
    assert leases(*of_slots([name(7)], "", text)) == ({7: 1}, frozenset())


@pytest.mark.parametrize(
    ("props", "apart"),
    [
        (b'{"total_slots": 2, "llmstack": {"lease": 1, "salt": 1}}', True),
        (b'{"total_slots": 2, "llmstack": {"lease": 1}}', False),
        (b'{"total_slots": 2, "llmstack": 1}', False),
        (b'{"total_slots": 2}', False),
    ],
)
def test_a_server_says_that_it_keeps_caches_apart(props: bytes, apart: bool) -> None:
    assert keeps_apart(props) is apart


@pytest.mark.parametrize(
    ("props", "tokens"),
    [
        (b'{"default_generation_settings": {"n_ctx": 4096}}', 4096),
        (b'{"default_generation_settings": {"n_ctx": "a"}}', 0),
        (b'{"default_generation_settings": {"n_ctx": -1}}', 0),
        (b'{"default_generation_settings": null}', 0),
        (b"[]", 0),
    ],
)
def test_a_server_says_how_many_tokens_a_slot_takes(props: bytes, tokens: int) -> None:
    assert context(props) == tokens


def test_the_whole_of_both_answers() -> None:
    props = b'{"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}}'
    assert capacity(props) == (2, 4096, False)
    body, headers = of_slots([name(7), ""], name(8))
    assert busy(body, headers) == (2, 1, {7: 1}, {8}, ())
    assert busy(json.dumps([BUSY]).encode(), {}) == (1, 1, None, frozenset(), ())


@pytest.mark.parametrize(
    ("status", "body", "loading"),
    [
        (503, b'{"error": {"message": "Loading model", "code": 503}}', True),
        (503, b'{"error": {"message": "no slot", "code": 503}}', False),
        (200, b"Loading model", False),
    ],
)
def test_a_server_that_loads_its_model_is_known_by_its_words(
    status: int, body: bytes, loading: bool
) -> None:
    assert is_loading(status, body) is loading
