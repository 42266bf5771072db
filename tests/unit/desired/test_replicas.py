"""How many replicas, and who owns the number?"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.desired import wanted_replicas
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER
from llmstack.desired.replicas import (
    created_with,
    initial_replicas,
    number_to_keep,
    sleep_check_seconds,
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

DESIRED = built("Deployment")


@dataclass
class Server:
    """Value and owners of spec.replicas; the default is 1."""

    replicas: int
    owners: set[str] = field(default_factory=set)

    @property
    def live(self) -> dict[str, Any]:
        entries = [
            {"manager": owner, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
            for owner in self.owners
        ]
        other = {"manager": "x", "fieldsV1": {"f:metadata": {"f:labels": {}}}}
        return {
            "metadata": {"managedFields": [other, *entries]},
            "spec": {"replicas": self.replicas},
        }

    @classmethod
    def with_created(cls, initial: int) -> "Server":
        return cls(created_with(DESIRED, initial)["spec"]["replicas"], {MANAGER})

    def keep(self) -> None:
        """The first of the two applies of an edit."""
        number = number_to_keep(DESIRED, self.live)
        if number:
            assert self.replicas == number["spec"]["replicas"], "a conflict"
            self.owners.add(REPLICAS_MANAGER)

    def apply(self) -> None:
        """The second, which has no number."""
        assert "replicas" not in DESIRED["spec"]
        alone = self.owners == {MANAGER}
        self.owners.discard(MANAGER)
        self.replicas = 1 if alone else self.replicas

    def scale(self, manager: str, replicas: int) -> None:
        self.replicas, self.owners = replicas, {manager}


@given(initial=st.integers(0, 9), dies=st.booleans())
def test_an_edit_never_changes_the_number_wherever_the_operator_dies(
    initial: int, dies: bool
) -> None:
    server = Server.with_created(initial)
    if dies:
        server.keep()
    server.keep()
    assert server.replicas == initial
    server.apply()
    assert (server.replicas, server.owners) == (initial, {REPLICAS_MANAGER})
    assert number_to_keep(DESIRED, server.live) is None


@pytest.mark.parametrize("manager", [REPLICAS_MANAGER, "kube-controller-manager", "kubectl"])
def test_who_scaled_keeps_the_number(manager: str) -> None:
    server = Server.with_created(1)
    server.scale(manager, 5)
    assert number_to_keep(DESIRED, server.live) is None
    server.apply()
    assert server.replicas == 5


def test_scaled_in_the_middle_of_an_edit() -> None:
    server = Server.with_created(1)
    server.keep()
    server.scale("kubectl", 5)
    server.apply()
    assert server.replicas == 5


def test_a_number_that_nobody_owns_is_taken_as_it_is() -> None:
    number = number_to_keep(DESIRED, Server(replicas=4).live)
    assert number == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "qwen", "namespace": "team-a"},
        "spec": {"replicas": 4},
    }


def test_it_is_created_whole_with_its_number() -> None:
    assert created_with(DESIRED, 3) == {**DESIRED, "spec": {**DESIRED["spec"], "replicas": 3}}


def test_zero_asked_for_creates_no_pod() -> None:
    assert initial_replicas(deployment(replicas=0).spec) == 0


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
