"""What is asked for, and what is the answer? Pure: functions of a path, a query and a view.

/apis                                         APIGroupList
/apis/custom.metrics.k8s.io                   APIGroup
/apis/custom.metrics.k8s.io/VERSION           APIResourceList
…/VERSION/namespaces/NS/llmdeployments.llmstack.dev/NAME/METRIC
                                              MetricValueList; NAME `*`: all of the namespace
"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.api.key import Key
from llmstack.metricsapi.documents import (
    METRICS_GROUP,
    RESOURCE,
    VERSIONS,
    ApiAnswer,
    Value,
    failure,
    group,
    group_list,
    resource_list,
    value_list,
)
from llmstack.scaling.custom_metrics import METRICS
from llmstack.scaling.gateway_load import GatewayLoad

_SELECTORS = ("labelSelector", "metricLabelSelector", "fieldSelector")


@dataclass(frozen=True)
class View:
    """The load as it was last heard, `at` that moment (seconds since 1970)."""

    load: GatewayLoad
    at: float


@dataclass(frozen=True)
class Question:
    """A request for a metric of a deployment. `name` may be `*`."""

    version: str
    namespace: str
    name: str
    metric: str


def question(path: str) -> Question | None:
    """Parse a path. Returns None if it does not ask for a metric."""
    match path.strip("/").split("/"):
        case ["apis", group_, version, "namespaces", namespace, resource, name, metric] if (
            group_ == METRICS_GROUP and version in VERSIONS and resource == RESOURCE
        ):
            return Question(version, namespace, name, metric)
    return None


def answer(path: str, query: Mapping[str, str], view: View | None) -> ApiAnswer:
    """The answer to one who may ask. `view` None: the gateway was not heard lately."""
    if asked := question(path):
        return _values(asked, query, view)
    match path.strip("/").split("/"):
        case ["apis"]:
            return ApiAnswer(200, group_list())
        case ["apis", group_] if group_ == METRICS_GROUP:
            return ApiAnswer(200, group())
        case ["apis", group_, version] if group_ == METRICS_GROUP and version in VERSIONS:
            return ApiAnswer(200, resource_list(version))
    return failure(
        404, f"{path} does not exist: only metrics of {RESOURCE} in a namespace are served"
    )


def _values(asked: Question, query: Mapping[str, str], view: View | None) -> ApiAnswer:
    if asked.metric not in METRICS:
        known = ", ".join(METRICS)
        return failure(404, f"{RESOURCE} have no metric {asked.metric}, only {known}")
    for name in _SELECTORS:
        if query.get(name):
            return failure(
                400, f"{name} is not supported: request one {RESOURCE} by name, or all by *"
            )
    if view is None:
        return failure(
            503,
            "the load is unknown, because the operator cannot read the gateway's /load: check that "
            "the gateway is running and that the operator can connect to it",
        )
    if asked.name == "*":
        return _all(asked, view)
    return _one(asked, view)


def _one(asked: Question, view: View) -> ApiAnswer:
    key = Key(asked.namespace, asked.name)
    model = view.load.models.get(key)
    if model is None:
        return failure(404, f"the gateway knows no LLMDeployment {key}")
    milli = METRICS[asked.metric](model)
    if milli is None:
        return failure(
            503, f"{key}: the number of slots per replica is not known yet, and requests wait"
        )
    value = Value(key, asked.metric, milli, view.at)
    return ApiAnswer(200, value_list(asked.version, [value]))


def _all(asked: Question, view: View) -> ApiAnswer:
    """All of the namespace whose value is known."""
    values = [
        Value(key, asked.metric, milli, view.at)
        for key, model in sorted(view.load.models.items())
        if key.namespace == asked.namespace and (milli := METRICS[asked.metric](model)) is not None
    ]
    return ApiAnswer(200, value_list(asked.version, values))
