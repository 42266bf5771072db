"""Which models and replicas does a cluster have?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmstack.api import reasons
from llmstack.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    LLMDeploymentStatus,
)
from llmstack.api.engine import Mode
from llmstack.api.resource import LLMDeployment
from llmstack.desired.secret import server_key
from llmstack.gateway.addresses import Addresses
from llmstack.gateway.catalog import Absence, Catalog
from llmstack.gateway.cluster_catalog import Deployments, build_catalog
from llmstack.gateway.http.backend import Backend
from llmstack.routing.budget import QueueLimits
from tests.unit.desired.samples import deployment
from tests.unit.gateway.slices import a_slice, endpoint

ROOT = b"r" * 32


def catalog(deployments: list[LLMDeployment], slices: list[dict[str, Any]]) -> Catalog:
    """The catalog of a gateway that sees these for the first time."""
    return build_catalog(deployments, Addresses().read(slices), ROOT)


def status_with(reason: str, replicas: int = 0) -> LLMDeploymentStatus:
    """A status whose Ready has this reason."""
    condition = Condition(
        type=ConditionType.READY,
        status=ConditionStatus.FALSE,
        reason=reason,
        message="",
        last_transition_time="2026-01-01T00:00:00Z",
    )
    return LLMDeploymentStatus(replicas=replicas, conditions=[condition])


def test_a_deployment_is_a_model() -> None:
    asked = deployment(
        model={"aliases": ["gpt"]},
        engine={"mode": "embed"},
        queue={
            "maxRequests": 3,
            "timeoutSeconds": 4,
            "coldStartTimeoutSeconds": 5,
            "reserve": True,
        },
        lifecycle={"wedgeSeconds": 60},
    )
    (model,) = catalog([asked], []).models
    assert (model.id, model.aliases, model.mode) == ("team-a/qwen", ("gpt",), Mode.EMBED)
    assert (model.queue, model.wedge_seconds) == (QueueLimits(3, 4, 5, True), 60)
    assert model.backends == ()


def test_its_replicas_are_those_of_its_service_with_its_key() -> None:
    other = a_slice(endpoint("phi-0", "10.0.0.9"))
    other["metadata"]["labels"] = {"kubernetes.io/service-name": "phi-replicas"}
    elsewhere = a_slice(endpoint("qwen-9", "10.0.0.8"))
    elsewhere["metadata"]["namespace"] = "team-b"
    slices = [a_slice(endpoint("qwen-1", "10.0.0.2"), endpoint()), other, elsewhere]
    (model,) = catalog([deployment()], slices).models
    key = server_key(ROOT, "team-a", "qwen", "uid-1")
    assert model.backends == (
        Backend("qwen-0", "10.0.0.1", 8080, key),
        Backend("qwen-1", "10.0.0.2", 8080, key),
    )


ABSENCES = [
    ("nothing is known yet", LLMDeploymentStatus(), [], Absence.UNKNOWN),
    ("put to sleep", status_with(reasons.SCALED_TO_ZERO), [], Absence.SLEEPING),
    ("stopped for good", status_with(reasons.STOPPED), [], Absence.UNKNOWN),
    ("woken: a replica exists", status_with(reasons.PENDING, 1), [], Absence.STARTING),
    (
        "woken: it has an address before the status says so",
        status_with(reasons.SCALED_TO_ZERO),
        [a_slice(endpoint(ready=False))],
        Absence.STARTING,
    ),
]


@pytest.mark.parametrize(
    ("sentence", "status", "slices", "absence"), ABSENCES, ids=[row[0] for row in ABSENCES]
)
def test_why_there_is_no_replica(
    sentence: str,
    status: LLMDeploymentStatus,
    slices: list[dict[str, Any]],
    absence: Absence,
) -> None:
    asked = replace(deployment(), status=status)
    (model,) = catalog([asked], slices).models
    assert model.absence is absence


def test_the_order_of_things_does_not_matter() -> None:
    slices = [a_slice(endpoint()), a_slice(endpoint("qwen-1", "10.0.0.2"), name="s2")]
    deployments = [deployment(), deployment("phi", "uid-2")]
    assert catalog(deployments, slices) == catalog(deployments[::-1], slices[::-1])


MOVES = [
    ("the one that accepts counts", [False, True], "10.0.0.2"),
    ("in whichever order", [True, False], "10.0.0.1"),
    ("of two the first", [True, True], "10.0.0.1"),
]


@pytest.mark.parametrize(("sentence", "ready", "host"), MOVES, ids=[row[0] for row in MOVES])
def test_a_replica_in_two_slices_is_one(sentence: str, ready: list[bool], host: str) -> None:
    slices = [
        a_slice(endpoint(address="10.0.0.1", ready=ready[0]), name="s1"),
        a_slice(endpoint(address="10.0.0.2", ready=ready[1]), name="s2"),
    ]
    (model,) = catalog([deployment()], slices).models
    assert [backend.host for backend in model.backends] == [host]


FAMILIES = [
    ("of both families IPv4, which every server listens on", [True, True], "10.0.0.1"),
    ("or the one that accepts", [False, True], "fd00::1"),
]


@pytest.mark.parametrize(("sentence", "ready", "host"), FAMILIES, ids=[row[0] for row in FAMILIES])
@pytest.mark.parametrize("names", [("s1", "s2"), ("s2", "s1")])
def test_a_replica_with_two_addresses_is_one(
    sentence: str, ready: list[bool], host: str, names: tuple[str, str]
) -> None:
    slices = [
        a_slice(endpoint(address="10.0.0.1", ready=ready[0]), name=names[0]),
        a_slice(endpoint(address="fd00::1", ready=ready[1]), name=names[1], addressType="IPv6"),
    ]
    (model,) = catalog([deployment()], slices).models
    assert [backend.host for backend in model.backends] == [host]


def body(version: str, slots: object = 4, uid: str = "u", name: str = "qwen") -> dict[str, Any]:
    metadata = {"namespace": "n", "name": name, "uid": uid, "resourceVersion": version}
    return {
        "metadata": metadata,
        "spec": {"model": {"source": "hf://o/r/m.gguf"}, "slots": slots},
    }


KEY = ("n", "qwen")


def test_a_deployment_that_cannot_be_read_any_more_stays_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    deployments = Deployments()
    (first,) = deployments.read({KEY: body("1", slots=2)})
    for _ in range(2):
        assert deployments.read({KEY: body("2", slots="many")}) == [first]
    assert len(caplog.records) == 1
    (mended,) = deployments.read({KEY: body("3", slots=8)})
    assert mended.spec.slots == 8


def test_one_that_never_could_be_read_is_left_out_and_harms_no_other() -> None:
    deployments = Deployments()
    both = {KEY: body("1", slots="many"), ("n", "phi"): body("2", name="phi")}
    assert [each.name for each in deployments.read(both)] == ["phi"]


def test_a_new_one_of_the_same_name_is_not_what_the_old_one_was() -> None:
    deployments = Deployments()
    deployments.read({KEY: body("1")})
    assert deployments.read({KEY: body("2", slots="many", uid="other")}) == []


def test_what_is_deleted_is_forgotten() -> None:
    deployments = Deployments()
    deployments.read({KEY: body("1")})
    assert deployments.read({}) == []
    assert deployments.read({KEY: body("2", slots="many")}) == []


def test_what_has_not_changed_is_not_read_again() -> None:
    deployments = Deployments()
    (first,) = deployments.read({KEY: body("1")})
    (again,) = deployments.read({KEY: body("1")})
    assert again is first
