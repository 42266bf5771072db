"""Is all kept that passes read, and is nothing news that they do not?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.observe_objects import parse_autoscaler, parse_claim, parse_workload
from llmstack.controller.observe_pods import PodLogs, parse_pod
from llmstack.controller.projection import project, restore
from llmstack.controller.store import Store
from llmstack.controller.stuck import is_stuck
from llmstack.kube.kinds import AUTOSCALER, CLAIM, DEPLOYMENT, DISRUPTION_BUDGET, JOB, POD, Kind
from tests.unit.controller.objects import thing

Object = dict[str, Any]
TIMES = {"lastTransitionTime": "2026-01-01T00:00:00Z", "lastUpdateTime": "2026-01-01T00:00:00Z"}


def condition(kind: str, status: str = "True", **more: str) -> Object:
    return {"type": kind, "status": status, **more, **TIMES}


WORKLOAD = thing(
    DEPLOYMENT,
    spec={"replicas": 3, "template": {"metadata": {"annotations": {}}}},
    status={
        "observedGeneration": 4,
        "replicas": 3,
        "updatedReplicas": 2,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "unavailableReplicas": 2,
        "conditions": [
            condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="late"),
            condition("ReplicaFailure", message="exceeded quota"),
        ],
    },
)
REPLICA = thing(
    POD,
    spec={"nodeName": "n", "containers": [{"name": "server", "args": ["--parallel", "4"]}]},
    status={
        "phase": "Pending",
        "reason": "Evicted",
        "message": "no room",
        "podIP": "10.0.0.1",
        "conditions": [
            condition("Ready"),
            condition("PodScheduled", "False", reason="Unschedulable", message="no node"),
            condition("PodReadyToStartContainers"),
        ],
        "containerStatuses": [{"name": "server", "ready": True, "state": {"running": {}}}],
        "initContainerStatuses": [
            {
                "name": "fetch",
                "restartCount": 2,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 3, "message": "told"}},
            }
        ],
    },
)
REPLICA["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
SCALER = thing(
    AUTOSCALER,
    status={
        "desiredReplicas": 3,
        "currentReplicas": 2,
        "currentMetrics": [{"type": "Pods"}],
        "conditions": [condition("AbleToScale", "False", reason="FailedGetScale", message="no")],
    },
)
VOLUME = thing(
    CLAIM,
    spec={"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]},
    status={"phase": "Bound", "capacity": {"storage": "1Gi"}},
)
TRIAL = thing(JOB, status={"conditions": [condition("Complete")], "startTime": "now"})


@pytest.mark.parametrize(
    ("kind", "body", "read"),
    [
        (DEPLOYMENT, WORKLOAD, parse_workload),
        (POD, REPLICA, lambda pod: parse_pod(pod, PodLogs())),
        (POD, REPLICA, lambda pod: is_stuck([pod], [], [])),
        (AUTOSCALER, SCALER, parse_autoscaler),
        (CLAIM, VOLUME, parse_claim),
        (JOB, TRIAL, lambda job: is_stuck([], [], [job])),
    ],
)
def test_passes_read_the_same_of_what_is_kept(kind: Kind, body: Object, read: Any) -> None:
    assert read(restore(project(kind, body), 1)) == read(body)


BUDGET = thing(DISRUPTION_BUDGET, spec={"maxUnavailable": 1}, status={"currentHealthy": 0})


@pytest.mark.parametrize(
    ("sentence", "kind", "body", "moved"),
    [
        ("how many pods a budget counts", DISRUPTION_BUDGET, BUDGET, {"currentHealthy": 1}),
        ("what an autoscaler measured", AUTOSCALER, SCALER, {"currentMetrics": [1]}),
        (
            "when a controller looked",
            DEPLOYMENT,
            WORKLOAD,
            {
                "conditions": [
                    {**each, "lastUpdateTime": "later"} for each in WORKLOAD["status"]["conditions"]
                ]
            },
        ),
    ],
)
def test_what_no_pass_reads_is_no_news(
    sentence: str, kind: Kind, body: Object, moved: Object
) -> None:
    store = Store()
    assert store.note(kind, body)
    metadata = {**body["metadata"], "resourceVersion": "2"}
    later = {**body, "metadata": metadata, "status": {**body["status"], **moved}}
    assert not store.note(kind, later), sentence
