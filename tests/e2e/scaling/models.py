"""The deployments of these tests."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.stack.stack import Object, Stack

CACHE = {"size": "1Gi", "storageClassName": "shared", "accessMode": "ReadWriteMany"}
SLOTS = 2
TARGET = 80
MOST = 6
"""Replicas that the node has room for."""
QUICK = {
    "scaleDown": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}],
    },
}
"""Down by one each quarter of a minute, by what is asked for now; up at once, as ever."""


def small(resources: Object) -> Object:
    """A server of one thread that leaves room for others."""
    return {"threads": 1, "promptCacheMemory": "64Mi", "resources": resources}


def busy(stack: Stack, name: str) -> Object:
    """One to MOST replicas that are as slow as a quarter of a core.

    So streams last, the node holds them all, and each is as fast as if it were alone there.
    """
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "250m"}}
    return stack.sample(
        name,
        slots=SLOTS,
        contextLength=2048,
        cache=CACHE,
        engine=small(resources),
        autoscaling={
            "minReplicas": 1,
            "maxReplicas": MOST,
            "targetSlotUtilization": TARGET,
            "behavior": QUICK,
        },
        queue={"maxRequests": 100, "timeoutSeconds": 300},
    )


def sleeper(stack: Stack, name: str, slots: int = 4) -> Object:
    """None or one, and asleep after ten seconds."""
    resources = {"requests": {"cpu": "100m"}}
    return stack.sample(
        name,
        slots=slots,
        contextLength=1024,
        cache=CACHE,
        engine=small(resources),
        autoscaling={
            "minReplicas": 0,
            "maxReplicas": 1,
            "targetSlotUtilization": TARGET,
            "scaleToZeroAfterSeconds": 10,
        },
    )


def replicas_for(slots_in_use: int) -> int:
    """How many replicas of `busy` have TARGET percent of their slots in use?"""
    return min(MOST, max(1, -(-slots_in_use * 100 // (SLOTS * TARGET))))


METRICS = "/apis/custom.metrics.k8s.io"


def metric(stack: Stack, name: str, which: str, version: str = "v1beta2") -> str:
    """What `kubectl get --raw` shows of a metric."""
    of = f"namespaces/{stack.namespace}/llmdeployments.llmstack.dev/{name}"
    found: Any = json.loads(stack.kubectl("get", "--raw", f"{METRICS}/{version}/{of}/{which}"))
    (item,) = found["items"]
    value: str = item["value"]
    return value


def metrics_apis(stack: Stack) -> list[str]:
    """The APIServices of custom metrics."""
    names = stack.kubectl("get", "apiservices", "--output=name").split()
    return [name for name in names if "custom.metrics" in name]


def listed(stack: Stack, name: str) -> Any:
    """What GET /v1/models says of it."""
    with stack.gateway() as gateway:
        return gateway.get(f"/v1/models/{stack.full_name(name)}").raise_for_status().json()


def hpa_condition(stack: Stack, name: str, kind: str) -> Any:
    """A condition of its HorizontalPodAutoscaler; empty before it has any."""
    found = stack.get("horizontalpodautoscalers", name).get("status", {}).get("conditions", ())
    return next((each for each in found if each["type"] == kind), {})
