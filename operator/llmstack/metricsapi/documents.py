"""How does each answer look? The objects of discovery, of values, and of errors. Pure."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from llmstack.api.key import Key
from llmstack.api.resource import API_VERSION, GROUP, KIND, PLURAL
from llmstack.scaling.custom_metrics import METRICS, Milli, quantity

Object = dict[str, Any]

METRICS_GROUP = "custom.metrics.k8s.io"
VERSIONS = ("v1beta2", "v1beta1")
"""The preferred one first."""
RESOURCE = f"{PLURAL}.{GROUP}"
"""What the metrics describe, as it stands in paths."""

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    500: "InternalError",
    503: "ServiceUnavailable",
}


@dataclass(frozen=True)
class ApiAnswer:
    """An HTTP status and the object that goes with it."""

    status: int
    body: Object


@dataclass(frozen=True)
class Value:
    """One value of one metric: of which deployment, and of when (seconds since 1970)."""

    key: Key
    metric: str
    milli: Milli
    at: float


def failure(status: int, message: str) -> ApiAnswer:
    """What went wrong, as the API server says it."""
    return ApiAnswer(
        status,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": _REASONS.get(status, HTTPStatus(status).phrase),
            "code": status,
        },
    )


def group_list() -> Object:
    """Return the list of API groups."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}


def group() -> Object:
    """Return the versions of the API group."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group()}


def resource_list(version: str) -> Object:
    """Return the list of metrics."""
    resources = [
        {
            "name": f"{RESOURCE}/{metric}",
            "singularName": "",
            "namespaced": True,
            "kind": "MetricValueList",
            "verbs": ["get"],
        }
        for metric in METRICS
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{METRICS_GROUP}/{version}",
        "resources": resources,
    }


def value_list(version: str, values: list[Value]) -> Object:
    """Return the list of values."""
    return {
        "kind": "MetricValueList",
        "apiVersion": f"{METRICS_GROUP}/{version}",
        "metadata": {},
        "items": [_value(version, value) for value in values],
    }


def _value(version: str, value: Value) -> Object:
    named: Mapping[str, Any] = {"metric": {"name": value.metric, "selector": None}}
    if version == "v1beta1":
        named = {"metricName": value.metric, "selector": None}
    return {
        "describedObject": {
            "kind": KIND,
            "namespace": value.key.namespace,
            "name": value.key.name,
            "apiVersion": API_VERSION,
        },
        **named,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value.at)),
        "value": quantity(value.milli),
    }


def _group() -> Object:
    versions = [
        {"groupVersion": f"{METRICS_GROUP}/{version}", "version": version} for version in VERSIONS
    ]
    return {"name": METRICS_GROUP, "versions": versions, "preferredVersion": versions[0]}
