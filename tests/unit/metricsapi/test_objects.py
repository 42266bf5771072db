"""Which Secret and which APIServices should there be?"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from llmstack.metricsapi.certificate import Material
from llmstack.metricsapi.objects import (
    Place,
    build_api_service,
    build_secret,
    plan,
    read_secret,
)

PLACE = Place("llm-stack", "llm-stack-metrics")
OWNER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "llm-stack", "uid": "u1"},
}
Object = dict[str, Any]


def ours(version: str, **spec: Any) -> Object:
    body = copy.deepcopy(build_api_service(version, PLACE, OWNER, "CA"))
    body["metadata"] |= {"uid": f"uid-{version}", "resourceVersion": "7"}
    body["spec"] |= spec
    return body


def theirs(version: str, service: Object | None) -> Object:
    body = ours(version, service=service)
    body["metadata"]["labels"] = {}
    return body


def relabelled(version: str, labels: dict[str, str]) -> Object:
    body = ours(version)
    body["metadata"]["labels"] = labels
    return body


ADAPTER = {"namespace": "monitoring", "name": "prometheus-adapter", "port": 443}
OTHER_RELEASE = {"namespace": "other", "name": "llm-stack-metrics", "port": 443}
NONE: dict[str, Object | None] = {"v1beta2": None, "v1beta1": None}
BOTH: dict[str, Object | None] = {"v1beta2": ours("v1beta2"), "v1beta1": ours("v1beta1")}

# sentence, live ones, created, replaced, deleted, words of the trouble
TABLE: list[tuple[str, dict[str, Object | None], list[str], list[str], list[str], str]] = [
    ("there are none", NONE, ["v1beta2", "v1beta1"], [], [], ""),
    ("both are right", BOTH, [], [], [], ""),
    ("one was deleted", BOTH | {"v1beta1": None}, ["v1beta1"], [], [], ""),
    ("one believes another authority", BOTH | {"v1beta2": ours("v1beta2", caBundle="b2xk")},
     [], ["v1beta2"], [], ""),
    ("one was bent", BOTH | {"v1beta2": ours("v1beta2", insecureSkipTLSVerify=True)},
     [], ["v1beta2"], [], ""),
    ("somebody else has both",
     {version: theirs(version, ADAPTER) for version in NONE}, [], [], [],
     "APIServices v1beta1.custom.metrics.k8s.io and v1beta2.custom.metrics.k8s.io belong to the "
     "Service monitoring/prometheus-adapter"),
    ("somebody else has the older one, and there is no newer one",
     {"v1beta2": None, "v1beta1": theirs("v1beta1", ADAPTER)}, [], [], [],
     "APIService v1beta1.custom.metrics.k8s.io belongs to the Service"),
    ("somebody else came to have one: the other one would take its users away",
     BOTH | {"v1beta1": theirs("v1beta1", ADAPTER)}, [], [], ["v1beta2"], "uninstall what owns it"),
    ("another release of this stack has them",
     {version: ours(version, service=OTHER_RELEASE) for version in NONE}, [], [], [],
     "the Service other/llm-stack-metrics"),
    ("one leads here, but somebody else made it",
     BOTH | {"v1beta2": relabelled("v1beta2", {"app.kubernetes.io/managed-by": "Helm"})},
     [], [], ["v1beta1"], "the Service llm-stack/llm-stack-metrics"),
    ("the API server itself serves it", {"v1beta2": theirs("v1beta2", None), "v1beta1": None},
     [], [], [], "belongs to the API server itself"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "live", "created", "replaced", "deleted", "trouble"),
    TABLE,
    ids=[row[0] for row in TABLE],
)
def test_what_is_to_be_done(
    sentence: str,
    live: dict[str, Object | None],
    created: list[str],
    replaced: list[str],
    deleted: list[str],
    trouble: str,
) -> None:
    before = copy.deepcopy(live)
    found = plan(live, PLACE, OWNER, "CA")

    assert [body["spec"]["version"] for body in found.create] == created
    assert [body["spec"]["version"] for body in found.replace] == replaced
    assert [body["spec"]["version"] for body in found.delete] == deleted
    assert trouble in found.trouble
    assert bool(trouble) == bool(found.trouble)
    assert live == before


def test_what_is_replaced_says_what_is_wanted_and_only_if_nobody_changed_it_meanwhile() -> None:
    bent = ours("v1beta2", caBundle="b2xk", insecureSkipTLSVerify=True)
    bent["metadata"]["labels"]["theirs"] = "x"
    (body,) = plan(BOTH | {"v1beta2": bent}, PLACE, OWNER, "CA").replace

    assert body["spec"] == ours("v1beta2")["spec"]
    assert body["metadata"]["resourceVersion"] == "7"
    assert body["metadata"]["labels"]["theirs"] == "x"


def test_a_release_that_was_installed_anew_owns_them_from_then_on() -> None:
    owner = {**OWNER, "metadata": {"name": "llm-stack", "uid": "u2"}}
    found = plan(BOTH, PLACE, owner, "CA")

    assert [each["metadata"]["ownerReferences"][0]["uid"] for each in found.replace] == ["u2", "u2"]


def test_a_secret_is_read_as_it_was_written() -> None:
    material = Material("CA", "CERT", "KEY")
    secret = build_secret(PLACE, "llm-stack-metrics-tls", material, None)

    assert read_secret(secret) == material
    assert "resourceVersion" not in secret["metadata"]
    live = secret | {"metadata": {"resourceVersion": "3"}}
    assert build_secret(PLACE, "x", material, live)["metadata"]["resourceVersion"] == "3"


@pytest.mark.parametrize("data", [None, {}, {"ca.crt": "QQ==", "tls.crt": "QQ=="}, {"ca.crt": "%"}])
def test_a_secret_that_holds_no_certificate_is_read_as_none(data: Object | None) -> None:
    assert read_secret({"data": data}) is None
    assert read_secret(None) is None
