"""How do Deployment, claims, classes, nodes and Events read? And what does a spec refer to?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.api.spec import LLMDeploymentSpec
from llmstack.controller.cluster_facts import most_of, parse_nodes, parse_storage_classes
from llmstack.controller.observe_events import claim_messages, volume_messages
from llmstack.controller.observe_objects import (
    named_claims,
    named_secrets,
    parse_autoscaler,
    parse_claim,
    parse_workload,
)
from llmstack.observed import Autoscaler, Claim, HpaCondition, Workload


def spec(**fields: Any) -> LLMDeploymentSpec:
    model = {"source": "https://models.internal/m.gguf", **fields.pop("model", {})}
    return LLMDeploymentSpec.model_validate({"model": model, **fields})


def test_no_deployment_yet() -> None:
    assert parse_workload(None) is None


def test_a_deployment_before_its_first_status() -> None:
    body = {"metadata": {"generation": 1}, "spec": {"template": {}, "replicas": 2}}
    assert parse_workload(body) == Workload(1, 0, 2, 0, 0, 0, 0)


def test_a_deployment_in_trouble() -> None:
    body = {
        "metadata": {"generation": 4},
        "spec": {
            "replicas": 3,
            "template": {"metadata": {"annotations": {"llmstack.dev/template-hash": "t"}}},
        },
        "status": {
            "observedGeneration": 4,
            "replicas": 3,
            "updatedReplicas": 2,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
                {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
            ],
        },
    }
    assert parse_workload(body) == Workload(4, 4, 3, 3, 2, 1, 1, True, "exceeded quota", "t")


def test_an_autoscaler() -> None:
    assert parse_autoscaler(None) is None
    assert parse_autoscaler({"status": {}}) == Autoscaler()
    conditions = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale", "message": "m"},
        {"type": "ScalingActive", "status": "False", "reason": "FailedGetObjectMetric"},
    ]
    assert parse_autoscaler({"status": {"desiredReplicas": 3, "conditions": conditions}}) == (
        Autoscaler(
            3,
            HpaCondition("True", "ReadyForNewScale", "m"),
            HpaCondition("False", "FailedGetObjectMetric"),
        )
    )


def test_a_claim() -> None:
    body = {
        "metadata": {"name": "cache"},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "nfs"},
        "status": {"phase": "Bound"},
    }
    assert parse_claim(body) == Claim("cache", "Bound", "nfs")


def env(**reference: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": {"secretKeyRef": reference}}]}


SECRETS = [
    ("none", {}, []),
    ("the source's", {"model": {"secretRef": {"name": "hub"}}}, ["hub"]),
    ("those for images", {"pod": {"imagePullSecrets": [{"name": "registry"}]}}, ["registry"]),
    ("those of variables", {"pod": env(name="proxy", key="k")}, ["proxy"]),
    ("but not the optional ones", {"pod": env(name="proxy", key="k", optional=True)}, []),
]


@pytest.mark.parametrize(("sentence", "fields", "names"), SECRETS, ids=[row[0] for row in SECRETS])
def test_secrets_that_a_spec_needs(sentence: str, fields: Any, names: list[str]) -> None:
    assert named_secrets(spec(**fields)) == names


PVC = {"source": "pvc://models/m.gguf"}
CLAIMS = [
    ("none", {}, []),
    ("the source's", {"model": PVC}, ["models"]),
    ("the cache's", {"cache": {"existingClaim": "cache"}}, ["cache"]),
    ("no cache where nothing is downloaded", {"model": PVC, "cache": {"existingClaim": "c"}},
     ["models"]),
    ("none of a source that cannot be read", {"model": {"source": "pvc://models/../../x"}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "fields", "names"), CLAIMS, ids=[row[0] for row in CLAIMS])
def test_claims_that_a_spec_needs(sentence: str, fields: Any, names: list[str]) -> None:
    assert named_claims(spec(**fields)) == names


def storage_class(name: str, created: str, *, default: bool) -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
    metadata = {"name": name, "creationTimestamp": created, "annotations": annotations}
    return {"metadata": metadata, "provisioner": f"{name}.example"}


def test_of_several_default_classes_the_newest_counts() -> None:
    items = [
        storage_class("old", "2024-01-01T00:00:00Z", default=True),
        storage_class("new", "2025-01-01T00:00:00Z", default=True),
        storage_class("other", "2026-01-01T00:00:00Z", default=False),
    ]
    classes = parse_storage_classes(items)
    assert classes.default == "new"
    assert classes.provisioners["other"] == "other.example"
    assert parse_storage_classes([]).default is None


def test_devices_are_counted_by_node_not_in_sum() -> None:
    nodes = [
        {"status": {"allocatable": {"cpu": "4", "nvidia.com/gpu": "2"}}},
        {"status": {"allocatable": {"nvidia.com/gpu": "1", "amd.com/gpu": "8"}}},
        {"metadata": {"name": "not ready yet"}},
    ]
    assert most_of(parse_nodes(nodes)) == {"nvidia.com/gpu": 2, "amd.com/gpu": 8}


def event(kind: str, reason: str, message: str, at: str, **rest: Any) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "involvedObject": {"kind": kind, "uid": "u"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        **rest,
    }


def test_the_newest_warning_about_a_volume_counts() -> None:
    found = [
        event("Pod", "FailedMount", "newest", "2026-01-01T00:00:09Z"),
        event("Pod", "FailedMount", "older", "2026-01-01T00:00:01Z"),
        event("Pod", "BackOff", "not about a volume", "2026-01-01T00:00:59Z"),
        event("Pod", "FailedMount", "no warning", "2026-01-01T00:00:59Z", type="Normal"),
        event("PersistentVolumeClaim", "ProvisioningFailed", "claim", "2026-01-01T00:00:02Z"),
    ]
    assert volume_messages(found) == {"u": "newest"}
    assert claim_messages(found) == {"u": "claim"}


def test_an_event_without_a_last_time_counts_from_its_making() -> None:
    assert volume_messages([event("Pod", "FailedMount", "m", None or "")]) == {"u": "m"}
