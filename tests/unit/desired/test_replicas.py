"""How many replicas, and who owns the number?"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.desired import hand_over, wanted_replicas
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER
from llmstack.desired.replicas import (
    ReplicasStep,
    initial_replicas,
    sleep_check_seconds,
    step_object,
)
from llmstack.observed import Demand, Workload
from tests.unit.desired.samples import built, deployment

ASLEEP = {"autoscaling": {"minReplicas": 0, "maxReplicas": 4}}
SCALED = {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}}
FIXED = {"replicas": 3}


def running(wanted: int) -> Workload:
    return Workload(1, 1, wanted, wanted, wanted, wanted, wanted)


@pytest.mark.parametrize(
    ("sentence", "spec", "now", "wanted"),
    [
        ("nothing is said: one at creation", {}, None, 1),
        ("a fixed number at creation", FIXED, None, 3),
        ("none, if none is asked for", {"replicas": 0}, None, 0),
        ("autoscaling starts at its minimum", SCALED, None, 2),
        ("a minimum of zero starts once, so that its faults show", ASLEEP, None, 1),
        ("a fixed number is brought back", FIXED, 5, 3),
        ("and left alone when it is right", FIXED, 3, None),
        ("autoscaling switched on at 3 keeps 3", SCALED, 3, None),
        ("autoscaling switched off at 3 keeps 3", {}, 3, None),
        ("replicas removed at 3 keeps 3", {}, 3, None),
        ("replicas 0 removed starts one", {}, 0, 1),
        ("below the minimum the autoscaler raises it", SCALED, 1, None),
        ("above the maximum the autoscaler lowers it", SCALED, 9, None),
        ("at zero the autoscaler does nothing, so it is raised", SCALED, 0, 1),
        ("asleep it stays asleep as long as nobody is known to ask", ASLEEP, 0, None),
        ("stopping", {"replicas": 0}, 3, 0),
    ],
)
def test_the_number(
    sentence: str, spec: dict[str, Any], now: int | None, wanted: int | None
) -> None:
    workload = None if now is None else running(now)
    assert wanted_replicas(deployment(**spec), workload) == wanted, sentence


@given(
    now=st.integers(0, 20),
    spec=st.one_of(
        st.just({}),
        st.integers(0, 20).map(lambda number: {"replicas": number}),
        st.tuples(st.integers(0, 10), st.integers(0, 10)).map(
            lambda pair: {"autoscaling": {"minReplicas": pair[0], "maxReplicas": max(1, sum(pair))}}
        ),
    ),
)
def test_once_scaled_it_is_left_alone(now: int, spec: dict[str, Any]) -> None:
    wanted = wanted_replicas(deployment(**spec), running(now))
    after = now if wanted is None else wanted
    assert wanted_replicas(deployment(**spec), running(after)) is None


# A model of what server-side apply does with the one field; the integration tests ask a real
# API server.


@dataclass
class Server:
    """Value and owners of spec.replicas; the default is 1."""

    replicas: int | None = None
    owners: set[str] = field(default_factory=set)

    @property
    def live(self) -> dict[str, Any] | None:
        if self.replicas is None:
            return None
        entries = [
            {"manager": owner, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
            for owner in self.owners
        ]
        other = {"manager": "x", "fieldsV1": {"f:metadata": {"f:labels": {}}}}
        return {
            "metadata": {"managedFields": [other, *entries]},
            "spec": {"replicas": self.replicas},
        }

    def apply(self, step: ReplicasStep) -> None:
        if step.replicas is not None:
            assert self.owners <= {step.manager} or self.replicas == step.replicas, "a conflict"
            self.owners.add(step.manager)
            self.replicas = step.replicas
        else:
            self.owners.discard(step.manager)
            if not self.owners:
                self.replicas = 1

    def scale(self, manager: str, replicas: int) -> None:
        self.replicas, self.owners = replicas, {manager}


@given(initial=st.integers(0, 9), died_after=st.integers(0, 3))
def test_the_hand_over_never_changes_the_number_wherever_the_operator_dies(
    initial: int, died_after: int
) -> None:
    server = Server()
    for step in hand_over(server.live, initial)[:died_after]:
        server.apply(step)
        assert server.replicas == initial
    for step in hand_over(server.live, initial):
        server.apply(step)
        assert server.replicas == initial
    assert server.owners == {REPLICAS_MANAGER}
    assert hand_over(server.live, initial) == ()


@pytest.mark.parametrize("manager", [REPLICAS_MANAGER, "kube-controller-manager", "kubectl"])
def test_who_scaled_keeps_the_number(manager: str) -> None:
    server = Server()
    for step in hand_over(server.live, 1):
        server.apply(step)
    server.scale(manager, 5)
    assert hand_over(server.live, 1) == ()


def test_scaled_in_the_middle_of_the_hand_over() -> None:
    server = Server()
    server.apply(hand_over(server.live, 1)[0])
    server.scale("kubectl", 5)
    for step in hand_over(server.live, 1):
        server.apply(step)
    assert server.replicas == 5


def test_a_number_that_nobody_owns_is_taken_as_it_is() -> None:
    server = Server(replicas=4)
    assert hand_over(server.live, 1) == (ReplicasStep(REPLICAS_MANAGER, 4),)


def test_what_each_step_applies() -> None:
    desired = built("Deployment")
    whole = step_object(desired, ReplicasStep(MANAGER, 3))
    assert whole["spec"]["replicas"] == 3
    assert whole["spec"]["template"] == desired["spec"]["template"]
    assert step_object(desired, ReplicasStep(MANAGER, None)) == desired
    assert step_object(desired, ReplicasStep(REPLICAS_MANAGER, 3)) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "qwen", "namespace": "team-a"},
        "spec": {"replicas": 3},
    }


def test_zero_asked_for_creates_no_pod() -> None:
    first = hand_over(None, initial_replicas(deployment(replicas=0).spec))[0]
    assert first == ReplicasStep(MANAGER, 0)


CALLED, IDLE = Demand(wanted=True, idle_seconds=0.0), Demand(idle_seconds=900.0)
SLEEP = [
    ("somebody asks: it wakes", ASLEEP, running(0), CALLED, 1),
    ("nobody asks: it sleeps on", ASLEEP, running(0), IDLE, None),
    ("idle for long enough: it goes to sleep", ASLEEP, running(1), IDLE, 0),
    ("not a moment too early", ASLEEP, running(1), Demand(idle_seconds=899.9), None),
    ("not where it is not known", ASLEEP, running(1), Demand(), None),
    ("not where autoscaling keeps one", SCALED, running(1), IDLE, None),
    ("not without autoscaling", {}, running(1), IDLE, None),
    ("two are the autoscaler's to reduce", ASLEEP, running(2), IDLE, None),
    ("not while an update is on its way", ASLEEP, Workload(1, 1, 1, 2, 1, 1, 1), IDLE, None),
    ("not before the replica is ready", ASLEEP, Workload(1, 1, 1, 1, 1, 0, 0), IDLE, None),
    ("not before the newest spec is looked at", ASLEEP, Workload(2, 1, 1, 1, 1, 1, 1), IDLE, None),
    ("who asks does not scale what runs", ASLEEP, running(3), CALLED, None),
]


@pytest.mark.parametrize(
    ("sentence", "spec", "now", "demand", "wanted"), SLEEP, ids=[row[0] for row in SLEEP]
)
def test_to_zero_and_back(
    sentence: str, spec: dict[str, Any], now: Workload, demand: Demand, wanted: int | None
) -> None:
    assert wanted_replicas(deployment(**spec), now, demand) == wanted


@pytest.mark.parametrize(
    ("spec", "now", "demand", "seconds"),
    [
        (ASLEEP, running(1), Demand(idle_seconds=600.0), 300.0),
        (ASLEEP, running(1), Demand(), 900.0),
        (ASLEEP, running(0), Demand(), None),
        (ASLEEP, running(2), Demand(), None),
        (ASLEEP, None, Demand(), None),
        (SCALED, running(1), Demand(), None),
        ({}, running(1), Demand(), None),
    ],
)
def test_when_sleep_may_be_due(
    spec: dict[str, Any], now: Workload | None, demand: Demand, seconds: float | None
) -> None:
    assert sleep_check_seconds(deployment(**spec), now, demand) == seconds
