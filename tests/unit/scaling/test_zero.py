"""Who asks for a model, and for how long has nobody?"""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.key import Key
from llmstack.observed import Demand
from llmstack.routing.load import ReplicaState
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad, PodLoad
from llmstack.scaling.zero import Activity

QWEN = Key("team-a", "qwen")
STALE = 10.0
UP = PodLoad("qwen-1", ReplicaState.READY, slots=4)
BUSY = PodLoad("qwen-1", ReplicaState.READY, slots=4, busy=1)
GONE = PodLoad("qwen-1", ReplicaState.WEDGED, slots=4)


def view(*replicas: PodLoad, epoch: str = "e1", waiting: int = 0, requests: int = 7) -> GatewayLoad:
    return GatewayLoad(epoch, {QWEN: ModelLoad(replicas, waiting, waiting, requests)})


NOTHING = GatewayLoad("e1")
UNKNOWN = Demand()
Views = list[tuple[float, GatewayLoad | None]]

ROWS: list[tuple[str, Views, float, Demand]] = [
    ("nothing was seen", [], 5, UNKNOWN),
    ("idle begins with the first view", [(0, view(UP))], 5, Demand(False, 5)),
    ("and goes on", [(0, view(UP)), (9, view(UP))], 12, Demand(False, 12)),
    ("a slot in use ends it", [(0, view(UP)), (9, view(BUSY))], 12, Demand(False, 0)),
    ("a request that waits, too", [(0, view(UP)), (9, view(UP, waiting=1))], 12, Demand(False, 0)),
    ("one that came and went between two views, too",
     [(0, view(UP)), (9, view(UP, requests=8))], 12, Demand(False, 3)),
    ("a count that fell, for the model was made anew, begins it anew",
     [(0, view(UP)), (9, view(UP, requests=0))], 12, Demand(False, 3)),
    ("it begins when the slot is free again",
     [(0, view(BUSY)), (9, view(UP)), (15, view(UP))], 20, Demand(False, 11)),
    ("a gap begins it anew", [(0, view(UP)), (10, view(UP))], 12, Demand(False, 2)),
    ("so does a view that is missing", [(0, view(UP)), (1, None), (2, view(UP))], 12 - 3,
     Demand(False, 7)),
    ("a stream that ended is no view", [(0, view(UP)), (1, GatewayLoad()), (2, view(UP))], 9,
     Demand(False, 7)),
    ("a restart of the gateway begins it anew",
     [(0, view(UP)), (9, view(UP, epoch="e2"))], 12, Demand(False, 3)),
    ("a model that was left out for a while is new",
     [(0, view(UP)), (3, NOTHING), (6, view(UP))], 8, Demand(False, 2)),
    ("what is left out is not known", [(0, view(UP)), (3, NOTHING)], 8, UNKNOWN),
    ("what is stale is not known", [(0, view(UP))], 10, UNKNOWN),
    ("a model without a ready replica is not idle", [(0, view(GONE)), (9, view(GONE))], 12,
     Demand(False, 0)),
    ("idle begins when it is ready", [(0, view()), (9, view(UP)), (15, view(UP))], 20,
     Demand(False, 11)),
    ("nobody asks for what sleeps", [(0, view()), (9, view())], 9, Demand(False, 0)),
    ("somebody waits for it", [(0, view()), (9, view(waiting=1))], 9, Demand(True, 0)),
    ("also in the first view of all", [(0, view(waiting=1))], 0, Demand(True, 0)),
    ("somebody asked and left again", [(0, view()), (9, view(requests=8))], 9, Demand(True, 0)),
    ("that is not forgotten before a replica is up",
     [(0, view()), (5, view(requests=8)), (9, view(requests=8))], 9, Demand(True, 0)),
    ("nor by a gap", [(0, view()), (5, view(requests=8)), (30, view(requests=8))], 30,
     Demand(True, 0)),
    ("who came in a gap is seen after it", [(0, view()), (30, view(requests=8))], 30,
     Demand(True, 0)),
    ("a replica that is up has answered it",
     [(0, view()), (5, view(requests=8)), (6, view(UP, requests=8)), (9, view(requests=8))], 9,
     Demand(False, 0)),
    ("a count of an older epoch says nothing",
     [(0, view()), (5, view(epoch="e2", requests=8))], 5, Demand(False, 0)),
    ("nor does a count that fell", [(0, view()), (5, view(requests=0))], 5, Demand(False, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "views", "now", "demand"), ROWS, ids=[r[0] for r in ROWS])
def test_who_asks(sentence: str, views: Views, now: float, demand: Demand) -> None:
    activity = Activity(STALE)
    for at, load in views:
        activity.see(load, at)
    assert activity.demand(QWEN, now) == demand


def test_the_first_call_is_told_once() -> None:
    activity = Activity(STALE)
    told = [
        activity.see(load, at)
        for at, load in enumerate(
            [
                view(),
                view(requests=8, waiting=1),
                view(requests=9, waiting=2),
                view(UP, requests=9),
                view(BUSY, requests=10),
                view(requests=10),
                view(requests=11),
            ]
        )
    ]
    assert told == [[], [QWEN], [], [], [], [], [QWEN]]


@dataclass(frozen=True)
class Moment:
    """What the gateway is like for a while: one view, or none."""

    seconds: float
    load: GatewayLoad | None


LOADS = st.builds(
    view,
    st.sampled_from([UP, BUSY, GONE]),
    epoch=st.sampled_from(["e1", "e2"]),
    waiting=st.integers(0, 1),
    requests=st.integers(0, 3),
) | st.builds(
    view,
    epoch=st.sampled_from(["e1", "e2"]),
    waiting=st.integers(0, 1),
    requests=st.integers(0, 3),
)
HISTORY = st.lists(
    st.builds(Moment, st.floats(0.1, 15), LOADS | st.just(NOTHING) | st.none()), max_size=30
)


@given(HISTORY)
def test_idle_is_only_what_was_seen_without_a_gap(history: list[Moment]) -> None:
    """Each idle second is one in which a view, not stale, of one epoch, showed nobody."""
    activity, now = Activity(STALE), 0.0
    seen: list[tuple[float, GatewayLoad | None]] = []
    for moment in history:
        now += moment.seconds
        activity.see(moment.load, now)
        seen.append((now, moment.load))
        idle = activity.demand(QWEN, now).idle_seconds
        if not idle:
            continue
        span = [each for each in seen if each[0] >= now - idle - 1e-6]
        assert span[0][0] <= now - idle + 1e-6
        models = [load.models[QWEN] for _, load in span if load and QWEN in load.models]
        assert len(models) == len(span)
        assert all(later[0] - sooner[0] < STALE for sooner, later in pairwise(span))
        assert len({load.epoch for _, load in span if load}) == 1
        assert len({model.requests for model in models}) == 1
        assert all(m.ready and not m.occupied and not m.waiting for m in models)


@given(HISTORY)
def test_nobody_is_woken_without_a_request(history: list[Moment]) -> None:
    """Without a request that waits, and a count that rises within an epoch, nothing is wanted."""
    activity, now = Activity(STALE), 0.0
    counts: dict[str, int] = {}
    for moment in history:
        now += moment.seconds
        load = moment.load
        if load and QWEN in load.models:
            model = load.models[QWEN]
            counts.setdefault(load.epoch, model.requests)
            model = ModelLoad(model.replicas, 0, 0, counts[load.epoch])
            load = GatewayLoad(load.epoch, {QWEN: model})
        assert activity.see(load, now) == []
        assert not activity.demand(QWEN, now).wanted
