"""What is the answer to a path?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.metricsapi.answer import View, answer
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad, PodLoad

AT = 1_700_000_000.5
LOAD = GatewayLoad(
    "e1",
    {
        Key("team-a", "qwen"): ModelLoad((PodLoad("q-0", "ready", 4, 3),), slots_per_replica=4),
        Key("team-a", "asleep"): ModelLoad(slots_per_replica=2),
        Key("team-a", "unknown"): ModelLoad(waiting=1, waiting_slots=1),
        Key("team-b", "phi"): ModelLoad(waiting=2, waiting_slots=2, slots_per_replica=1),
    },
)
VIEW = View(LOAD, AT)
GROUP = "/apis/custom.metrics.k8s.io"


def path(name: str, metric: str, namespace: str = "team-a", version: str = "v1beta2") -> str:
    return f"{GROUP}/{version}/namespaces/{namespace}/llmdeployments.llmstack.dev/{name}/{metric}"


def items(where: str) -> list[dict[str, Any]]:
    found = answer(where, {}, VIEW)
    assert found.status == 200, found
    assert found.body["kind"] == "MetricValueList"
    listed: list[dict[str, Any]] = found.body["items"]
    return listed


def test_a_value_names_its_object_its_metric_and_the_moment_the_gateway_was_heard() -> None:
    assert items(path("qwen", "slot_utilization")) == [
        {
            "describedObject": {
                "kind": "LLMDeployment",
                "namespace": "team-a",
                "name": "qwen",
                "apiVersion": "llmstack.dev/v1alpha1",
            },
            "metric": {"name": "slot_utilization", "selector": None},
            "timestamp": "2023-11-14T22:13:20Z",
            "value": "750m",
        }
    ]


def test_the_older_version_has_the_name_in_another_place() -> None:
    (value,) = items(path("qwen", "slots_busy", version="v1beta1"))

    assert value["metricName"] == "slots_busy"
    assert "metric" not in value
    assert value["value"] == "3"


def test_what_sleeps_and_is_not_wanted_has_no_load() -> None:
    assert [value["value"] for value in items(path("asleep", "slot_utilization"))] == ["0"]


def test_all_of_a_namespace_without_those_whose_value_is_not_known() -> None:
    values = items(path("*", "slot_utilization"))

    assert [(each["describedObject"]["name"], each["value"]) for each in values] == [
        ("asleep", "0"),
        ("qwen", "750m"),
    ]


ERRORS = [
    ("a model that the gateway does not know", path("none", "slots_busy"), {}, VIEW, 404,
     "the gateway knows no LLMDeployment team-a/none"),
    ("that of another namespace", path("phi", "slots_busy"), {}, VIEW, 404,
     "knows no LLMDeployment team-a/phi"),
    ("an unknown metric", path("qwen", "gpu"), {}, VIEW, 404,
     "only slot_utilization, slots_busy, slots_waiting, slots_total"),
    ("the gateway is silent", path("qwen", "slots_busy"), {}, None, 503,
     "the load is unknown"),
    ("the gateway is silent, and all are asked for", path("*", "slots_busy"), {}, None, 503,
     "the load is unknown"),
    ("slots are not known", path("unknown", "slot_utilization"), {}, VIEW, 503,
     "the number of slots per replica is not known yet"),
    ("a selector of objects", path("*", "slots_busy"), {"labelSelector": "a=b"}, VIEW, 400,
     "labelSelector is not supported"),
    ("a selector of metrics", path("qwen", "slots_busy"), {"metricLabelSelector": "a=b"}, VIEW, 400,
     "metricLabelSelector is not supported"),
    ("another version", path("qwen", "slots_busy", version="v1"), {}, VIEW, 404, "does not exist"),
    ("metrics of pods", f"{GROUP}/v1beta2/namespaces/a/pods/x/cpu", {}, VIEW, 404,
     "does not exist"),
    ("no path of ours", "/openapi/v2", {}, VIEW, 404, "/openapi/v2 does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "where", "query", "view", "status", "words"), ERRORS, ids=[e[0] for e in ERRORS]
)
def test_what_is_not_known_is_an_error_in_words_and_never_a_value(
    sentence: str, where: str, query: dict[str, str], view: View | None, status: int, words: str
) -> None:
    found = answer(where, query, view)

    assert found.status == status
    assert found.body["kind"] == "Status"
    assert found.body["code"] == status
    assert words in found.body["message"]


def test_empty_selectors_are_none() -> None:
    query = {"labelSelector": "", "metricLabelSelector": ""}

    assert answer(path("qwen", "slots_busy"), query, VIEW).status == 200


def test_discovery_leads_from_the_group_to_the_metrics() -> None:
    groups = answer("/apis", {}, None).body["groups"]
    group = answer(GROUP, {}, None).body
    assert [each["name"] for each in groups] == ["custom.metrics.k8s.io"]
    assert group["kind"] == "APIGroup"
    assert group["preferredVersion"]["version"] == "v1beta2"

    for version in group["versions"]:
        listed = answer(f"/apis/{version['groupVersion']}", {}, None).body
        assert listed["groupVersion"] == version["groupVersion"]
        assert [each["name"] for each in listed["resources"]] == [
            "llmdeployments.llmstack.dev/slot_utilization",
            "llmdeployments.llmstack.dev/slots_busy",
            "llmdeployments.llmstack.dev/slots_waiting",
            "llmdeployments.llmstack.dev/slots_total",
        ]
