"""How long does a bare client need to post the same objects? The yardstick of a burst."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bench.many.world import NAMESPACES
from llmstack.desired.metadata import DEPLOYMENT_LABEL, MANAGED_BY_LABEL, MANAGER

Object = dict[str, Any]
_PATIENCE = 120.0
_POSTING = 16
"""As many at once as the operator has workers."""
_PLURALS = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "secrets": "/api/v1",
    "configmaps": "/api/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "serviceaccounts": "/api/v1",
}
_LABEL = f"{MANAGED_BY_LABEL}={MANAGER}"


def seconds_to_post(api: httpx.Client) -> tuple[float, int]:
    """Posts a copy of every object that the operator made, under another name. Seconds, objects."""
    posts = [post for namespace in NAMESPACES for post in _copies(api, namespace)]
    began = time.monotonic()
    with ThreadPoolExecutor(_POSTING) as pool:
        list(pool.map(lambda post: _send(api, *post), posts))
    return time.monotonic() - began, len(posts)


def _copies(api: httpx.Client, namespace: str) -> Iterable[tuple[str, bytes]]:
    for plural, group in _PLURALS.items():
        path = f"{group}/namespaces/{namespace}/{plural}"
        found = api.get(path, params={"labelSelector": _LABEL}).raise_for_status().json()
        for item in found["items"]:
            yield path, json.dumps(_copy(item, found)).encode()


def _copy(item: Object, listed: Object) -> Object:
    """The same object, with as many pods, for another LLMDeployment that there is not."""
    kind = listed["kind"].removesuffix("List")
    spec = _renamed(item.get("spec") or {})
    for assigned in ("clusterIP", "clusterIPs"):
        if spec.get(assigned) != "None" and spec.get(assigned) != ["None"]:
            spec.pop(assigned, None)
    metadata = {"name": f"copy-of-{item['metadata']['name']}", "labels": {"copy": "true"}}
    rest: Object = {key: item[key] for key in ("data", "type") if key in item}
    body: Object = {"apiVersion": listed["apiVersion"], "kind": kind, "metadata": metadata, **rest}
    return {**body, "spec": spec} if spec else body


def _renamed(value: Any) -> Any:
    """Without the labels by which the operator would take a copy or its pods for its own."""
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _renamed(item) for key, item in value.items() if key != MANAGED_BY_LABEL}
    if isinstance(found.get(DEPLOYMENT_LABEL), str):
        found[DEPLOYMENT_LABEL] = f"copy-of-{found[DEPLOYMENT_LABEL]}"
    return found


def _send(api: httpx.Client, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    api.post(path, content=body, headers=headers, timeout=_PATIENCE).raise_for_status()
