"""How is an array cut into parts?"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.portions import (
    LONG_SECONDS,
    MOST_AROUND,
    MOST_BYTES,
    MOST_TIMES,
    SHORT_SECONDS,
    Portions,
    is_cut,
)
from llmstack.scan.outline import Kind, Span


def array_of(body: bytes, count: int) -> Span:
    start, end = body.index(b"["), body.rindex(b"]") + 1
    return Span("input", Kind.ARRAY, 0, start, end, count)


def cut(inputs: list[str], slots: int, seconds: float = 0.1) -> list[list[str]]:
    """The inputs of each part, of a body with members on both sides."""
    body = json.dumps({"model": "m", "input": inputs, "user": "u"}).encode()
    portions = Portions(body, array_of(body, len(inputs)), slots)
    parts = []
    while portion := portions.next():
        part = json.loads(portion.body)
        assert (part["model"], part["user"]) == ("m", "u")
        assert portion.inputs == len(part["input"])
        parts.append(part["input"])
        portions.took(seconds)
    return parts


@given(st.lists(st.text(max_size=20), max_size=40), st.integers(1, 8), st.floats(0, 1))
def test_the_parts_are_the_whole_in_order(inputs: list[str], slots: int, seconds: float) -> None:
    parts = cut(inputs, slots, seconds)
    assert [each for part in parts for each in part] == inputs
    assert all(1 <= len(part) <= slots * MOST_TIMES for part in parts)


def test_a_part_is_as_long_as_a_replica_has_slots() -> None:
    assert [len(part) for part in cut(["x"] * 10, 4)] == [4, 4, 2]


def test_parts_that_are_quick_grow_and_slow_ones_shrink() -> None:
    assert [len(part) for part in cut(["x"] * 30, 2, SHORT_SECONDS / 2)] == [2, 4, 8, 16]
    body = json.dumps({"input": ["x"] * 30}).encode()
    portions = Portions(body, array_of(body, 30), 2)
    sizes = []
    for seconds in (0, 0, 2 * LONG_SECONDS, 2 * LONG_SECONDS):
        portion = portions.next()
        assert portion is not None
        sizes.append(portion.inputs)
        portions.took(seconds)
    assert sizes == [2, 4, 8, 4]


def test_long_entries_make_parts_of_their_own() -> None:
    long = "x" * (MOST_BYTES // 2 + 1)
    assert [len(part) for part in cut([long] * 3 + ["short"], 4)] == [1, 1, 2]


def test_what_is_cut() -> None:
    body = json.dumps({"input": ["x"] * 5}).encode()
    assert is_cut(body, array_of(body, 5), 4)
    assert not is_cut(body, array_of(body, 5), 5)
    large = json.dumps({"input": ["x"] * 5, "user": "u" * (MOST_AROUND + 1)}).encode()
    assert not is_cut(large, array_of(large, 5), 4)
