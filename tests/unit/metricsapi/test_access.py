"""What is asked of the API server, and what does its word mean?"""

from __future__ import annotations

from llmstack.metricsapi.access import build_review, read_review
from llmstack.metricsapi.front_proxy import User

ANN = User("ann", "42", ("devs",), (("scopes", ("a", "b")),))
VALUE = (
    "/apis/custom.metrics.k8s.io/v1beta1/namespaces/team-a/llmdeployments.llmstack.dev/qwen/"
    "slots_busy"
)


def test_a_value_is_a_subresource_of_what_it_describes() -> None:
    spec = build_review(ANN, VALUE)["spec"]

    assert spec == {
        "user": "ann",
        "uid": "42",
        "groups": ["devs"],
        "extra": {"scopes": ["a", "b"]},
        "resourceAttributes": {
            "verb": "get",
            "group": "custom.metrics.k8s.io",
            "version": "v1beta1",
            "namespace": "team-a",
            "resource": "llmdeployments.llmstack.dev",
            "subresource": "slots_busy",
            "name": "qwen",
        },
    }


def test_discovery_is_a_path() -> None:
    spec = build_review(User("ann"), "/apis")["spec"]

    assert spec["nonResourceAttributes"] == {"verb": "get", "path": "/apis"}
    assert "resourceAttributes" not in spec
    assert "uid" not in spec


def test_only_a_plain_yes_is_one() -> None:
    assert read_review({"status": {"allowed": True}}, ANN, "/apis") == ""
    assert read_review({"status": {"allowed": True, "denied": True}}, ANN, "/apis")
    assert read_review({}, ANN, "/apis") == 'User "ann" may not get /apis'
    refused = {"status": {"allowed": False, "reason": "RBAC: no"}}
    assert read_review(refused, ANN, "/apis") == 'User "ann" may not get /apis: RBAC: no'
