"""Which replica goes first when one is to go?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.load import ReplicaState
from llmstack.scaling.deletion_cost import ranks, to_write
from llmstack.scaling.gateway_load import ModelLoad, PodLoad


def model(*busy: int, waiting: int = 0) -> ModelLoad:
    """Replicas a, b, … of four slots, so many of them in use."""
    names = "abcdefgh"
    replicas = tuple(
        PodLoad(names[number], ReplicaState.READY, slots=4, busy=used)
        for number, used in enumerate(busy)
    )
    return ModelLoad(replicas, waiting, waiting, slots_per_replica=4)


@pytest.mark.parametrize(
    ("sentence", "load", "running", "expected"),
    [
        ("the fewest slots in use go first", model(3, 0, 1), 3, {"a": 2, "b": 0, "c": 1}),
        ("equals are equal", model(1, 0, 1), 3, {"a": 1, "b": 0, "c": 1}),
        ("idle ones, too", model(0, 0), 2, {"a": 0, "b": 0}),
        ("all are needed: nothing is written", model(3, 3, 2), 3, {}),
        ("they are while requests wait", model(1, 1, 1, waiting=9), 3, {}),
        ("one that loads counts as running", model(2, 1), 3, {"a": 1, "b": 0}),
        ("slots that nobody knows say nothing", ModelLoad(waiting=1, waiting_slots=1), 3, {}),
    ],
)
def test_ranks(sentence: str, load: ModelLoad, running: int, expected: dict[str, int]) -> None:
    assert ranks(load, 80, running) == expected, sentence


@pytest.mark.parametrize(
    ("sentence", "live", "written", "expected"),
    [
        ("what differs", {"a": 0, "b": 1}, {}, {"a": 1, "b": 0}),
        ("not what is right", {"a": 1, "b": 0}, {}, {}),
        ("not what is gone", {"b": 1}, {}, {"b": 0}),
        ("not twice within a minute", {"a": 0, "b": 1}, {"a": 41.0, "b": 40.0}, {"b": 0}),
    ],
)
def test_what_is_written(
    sentence: str, live: dict[str, int], written: dict[str, float], expected: dict[str, int]
) -> None:
    assert to_write({"a": 1, "b": 0}, live, written, 100.0) == expected, sentence


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(1, 100), st.integers(1, 10))
def test_costs_are_in_the_order_of_slots_in_use(busy: list[int], target: int, running: int) -> None:
    load = model(*busy)
    costs = ranks(load, target, running)
    for one in load.replicas:
        for other in load.replicas:
            if costs:
                fewer = one.occupied < other.occupied
                assert (costs[one.id] < costs[other.id]) == fewer
