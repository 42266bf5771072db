"""Which numbers describe a model's load?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.quantity import parse_quantity
from llmstack.scaling.custom_metrics import METRICS, SLOT_UTILIZATION, quantity
from llmstack.scaling.gateway_load import ModelLoad, PodLoad


def model(
    *replicas: PodLoad, waiting: int = 0, slots: int = 4, waiting_slots: int | None = None
) -> ModelLoad:
    asked = waiting if waiting_slots is None else waiting_slots
    return ModelLoad(replicas, waiting, asked, slots_per_replica=slots)


def replica(busy: int = 0, draining: int = 0, foreign: int = 0, **fields: object) -> PodLoad:
    state, slots = str(fields.get("state", "ready")), int(str(fields.get("slots", 4)))
    return PodLoad("qwen-0", state, slots, busy, draining, foreign)


TABLE = [
    ("nothing runs and nothing waits", model(), 0),
    ("nothing runs and three wait", model(waiting=3), 750),
    ("a replica is idle", model(replica()), 0),
    ("three of four slots are busy", model(replica(3)), 750),
    ("draining and foreign slots compute too", model(replica(1, 1, 1)), 750),
    ("one is full and six wait", model(replica(4), waiting=6), 2500),
    ("one that waits may ask for several slots", model(waiting=1, waiting_slots=2), 500),
    ("a replica that gets no new request still computes", model(replica(2, state="draining")), 500),
    ("two full replicas", model(replica(4), replica(4)), 2000),
    ("it is rounded up", model(replica(1, slots=3), slots=3), 334),
    ("one slot", model(replica(1, slots=1), slots=1), 1000),
    ("the gateway tells no spec: what the largest replica has", model(replica(2), slots=0), 500),
    ("no spec and no replica, and nothing waits", model(slots=0), 0),
    ("no spec and no replica, and one waits", model(waiting=1, slots=0), None),
]


@pytest.mark.parametrize(("sentence", "load", "milli"), TABLE, ids=[row[0] for row in TABLE])
def test_utilization_is_the_number_of_replicas_that_the_load_would_fill(
    sentence: str, load: ModelLoad, milli: int | None
) -> None:
    assert METRICS[SLOT_UTILIZATION](load) == milli


def test_the_others_count_slots() -> None:
    load = model(replica(2, 1), replica(1, state="wedged"), waiting=1, waiting_slots=3)
    values = {name: value(load) for name, value in METRICS.items()}

    assert values == {
        "slot_utilization": 1750,
        "slots_busy": 4000,
        "slots_waiting": 3000,
        "slots_total": 4000,
    }


@pytest.mark.parametrize(("milli", "text"), [(0, "0"), (750, "750m"), (2000, "2"), (2500, "2500m")])
def test_a_quantity_is_written_as_kubernetes_shows_it(milli: int, text: str) -> None:
    assert quantity(milli) == text


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 1000))
def test_demand_is_never_understated(busy: int, waiting: int, slots: int) -> None:
    milli = METRICS[SLOT_UTILIZATION](model(replica(busy), waiting=waiting, slots=slots))

    assert milli is not None
    assert 0 <= milli * slots - 1000 * (busy + waiting) < slots
    assert parse_quantity(quantity(milli)) * 1000 == milli
