"""What do users and tools see of an LLMDeployment: explain, get, scale, status?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmstack.api import crd as definition
from llmstack.api.conditions import (
    Condition,
    ConditionStatus,
    LLMDeploymentStatus,
    ModelStatus,
    to_json,
)
from llmstack.api.explained import explained
from llmstack.api.resource import API_VERSION, KIND, PLURAL
from llmstack.api.schema import Schema
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.gate import SOURCE, manifest

URL = "http://shown.seen-by-users/v1"
STATUS = LLMDeploymentStatus(
    observed_generation=1,
    replicas=2,
    ready_replicas=1,
    replica_summary="1/2",
    slots=4,
    url=URL,
    selector="llmstack.dev/deployment=shown",
    download="42%",
    model=ModelStatus(name="qwen2.5-7b", quantization="Q4_K_M"),
    conditions=[
        Condition(
            type="Ready",
            status=ConditionStatus.FALSE,
            reason="Loading",
            message="the model is being loaded",
            last_transition_time="2026-01-01T00:00:00Z",
            observed_generation=1,
        )
    ],
)


NAMESPACE = "seen-by-users"


@pytest.fixture(scope="module")
def namespace(crd: ApiServer) -> str:
    crd.kubectl("create", "namespace", NAMESPACE)
    return NAMESPACE


@pytest.fixture
def api(crd: ApiServer, namespace: str) -> Iterator[httpx.Client]:
    """The API server, and nothing in the namespace afterwards."""
    with crd.client() as client:
        yield client
        client.delete(path()).raise_for_status()


def path(name: str = "", subresource: str = "") -> str:
    parts = (f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{PLURAL}", name, subresource)
    return "/".join(part for part in parts if part)


def create(api: httpx.Client, name: str, spec: dict[str, Any] | None = None) -> None:
    api.post(path(), json=manifest(spec, name)).raise_for_status()


def get(api: httpx.Client, name: str) -> dict[str, Any]:
    stored: dict[str, Any] = api.get(path(name)).raise_for_status().json()
    return stored


def apply_status(api: httpx.Client, name: str, status: dict[str, Any]) -> dict[str, Any]:
    """As the operator does: server-side apply by a manager of its own."""
    answer = api.patch(
        path(name, "status"),
        content=json.dumps({**manifest(name=name), "spec": None, "status": status}),
        params={"fieldManager": "llmstack-status", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    assert answer.is_success, answer.text
    applied: dict[str, Any] = answer.json()
    return applied


@pytest.fixture(scope="module")
def served(crd: ApiServer) -> Schema:
    """The schema of an LLMDeployment as the API server publishes it, soon after the CRD."""
    published: list[Schema] = []

    def ready() -> bool:
        with crd.client() as client:
            answer = client.get(f"/openapi/v3/apis/{API_VERSION}")
        if answer.is_success:
            kinds = answer.json()["components"]["schemas"]
            published.extend(node for name, node in kinds.items() if name.endswith(f".{KIND}"))
        return bool(published)

    wait_until(ready, "the schema to be published", seconds=60)
    return published[0]


class TestExplain:
    def test_every_field_has_the_models_text(self, served: Schema) -> None:
        expected = dict(descriptions("", explained(definition.schema())))
        assert expected.items() <= dict(descriptions("", served)).items()

    @pytest.mark.usefixtures("served")
    def test_kubectl_explains_a_field_in_its_words(self, crd: ApiServer) -> None:
        text = crd.kubectl("explain", "llmd.spec.engine.promptCacheMemory")
        assert "Host memory for the server's prompt cache" in text

    @pytest.mark.usefixtures("served")
    @pytest.mark.parametrize(
        ("field", "fact"),
        [
            ("spec.slots", "Default: 4."),
            ("spec.engine.promptCacheMemory", "Default: 1Gi."),
            ("spec.engine.extraArgs", "At most"),
            ("spec.queue.timeoutSeconds", "Default: 60."),
        ],
    )
    def test_kubectl_explains_defaults_and_limits(
        self, crd: ApiServer, field: str, fact: str
    ) -> None:
        assert fact in " ".join(crd.kubectl("explain", f"llmd.{field}").split())

    @pytest.mark.usefixtures("served")
    def test_kubectl_lists_every_field(self, crd: ApiServer) -> None:
        listed = crd.kubectl("explain", "llmd", "--recursive").split()
        for field in dict(descriptions("", definition.schema())):
            assert field.rpartition(".")[2] in listed, field


def descriptions(path: str, node: Schema) -> Iterator[tuple[str, str]]:
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child.get("description", "")
        yield from descriptions(f"{path}.{name}", child)
        yield from descriptions(f"{path}.{name}", child.get("items", {}))


class TestCost:
    def test_an_api_server_that_cannot_bound_numbers_or_text_takes_it_too(
        self, crd: ApiServer
    ) -> None:
        """Before 1.34 the length of an int-or-string counts as unlimited when rules are priced."""
        other = definition.definition()
        other["metadata"]["name"] = f"{PLURAL}.older.example"
        other["spec"]["group"] = "older.example"
        unbound(other["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        with crd.client() as client:
            answer = client.post(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                json=other,
                params={"dryRun": "All"},
            )
        assert answer.is_success, answer.json()["message"]


def unbound(node: Schema) -> None:
    if "x-kubernetes-int-or-string" in node:
        del node["maxLength"]
    for child in node.get("properties", {}).values():
        unbound(child)
    for key in ("items", "additionalProperties"):
        if key in node:
            unbound(node[key])


class TestColumns:
    def test_kubectl_get_shows_how_it_stands_and_why(
        self, crd: ApiServer, api: httpx.Client
    ) -> None:
        create(api, "shown")
        apply_status(api, "shown", to_json(STATUS))
        header, row = crd.kubectl("-n", NAMESPACE, "get", "llmd", "shown").splitlines()
        assert header.split() == [
            *("NAME", "MODEL", "REPLICAS", "SLOTS", "READY", "REASON", "DOWNLOAD", "AGE")
        ]
        assert row.split()[:-1] == ["shown", "qwen2.5-7b", "1/2", "4", "False", "Loading", "42%"]

    def test_wide_adds_what_is_long(self, crd: ApiServer, api: httpx.Client) -> None:
        create(api, "shown")
        apply_status(api, "shown", to_json(STATUS))
        header, row = crd.kubectl(
            "-n", NAMESPACE, "get", "llmd", "shown", "-o", "wide"
        ).splitlines()
        assert header.split()[8:] == ["QUANTIZATION", "URL", "SOURCE", "MESSAGE"]
        assert row.endswith(f"Q4_K_M         {URL}   {SOURCE}   the model is being loaded")

    def test_a_table_comes_from_the_server(self, api: httpx.Client) -> None:
        create(api, "new")
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        table = api.get(path(), headers=accept).raise_for_status().json()
        columns = [column["name"] for column in table["columnDefinitions"]]
        (row,) = table["rows"]
        cells = dict(zip(columns, row["cells"], strict=True))
        assert (cells["Name"], cells["Model"], cells["Source"]) == ("new", None, SOURCE)

    def test_kubectl_get_all_lists_it(self, crd: ApiServer, api: httpx.Client) -> None:
        create(api, "shown")
        assert "llmdeployment.llmstack.dev/shown" in crd.kubectl("-n", NAMESPACE, "get", "all")


class TestScale:
    def test_kubectl_scale_sets_the_fixed_number(self, crd: ApiServer, api: httpx.Client) -> None:
        create(api, "scaled")
        crd.kubectl("-n", NAMESPACE, "scale", "llmd", "scaled", "--replicas=3")
        assert get(api, "scaled")["spec"]["replicas"] == 3

    def test_reading_it_takes_a_number_in_the_spec(self, crd: ApiServer, api: httpx.Client) -> None:
        """The API server's own words: nothing else is there to read (ADR 14)."""
        create(api, "scaled")
        unset = api.get(path("scaled", "scale"))
        assert unset.status_code == 500
        assert 'the spec replicas field ".spec.replicas" does not exist' in unset.json()["message"]
        crd.kubectl("-n", NAMESPACE, "scale", "llmd", "scaled", "--replicas=2")
        read = api.get(path("scaled", "scale")).raise_for_status().json()
        assert read["spec"] == {"replicas": 2}
        command = ("scale", "llmd", "scaled", "--current-replicas=2", "--replicas=3")
        crd.kubectl("-n", NAMESPACE, *command)
        assert get(api, "scaled")["spec"]["replicas"] == 3

    def test_the_field_says_so(self, crd: ApiServer) -> None:
        said = crd.kubectl("explain", "llmdeployment.spec.replicas")
        assert "Set it if an autoscaler of your own" in " ".join(said.split())

    def test_an_autoscaler_keeps_its_number(self, crd: ApiServer, api: httpx.Client) -> None:
        create(api, "scaled", {"autoscaling": {"maxReplicas": 3}})
        with pytest.raises(AssertionError, match="mutually exclusive"):
            crd.kubectl("-n", NAMESPACE, "scale", "llmd", "scaled", "--replicas=3")

    def test_no_more_than_the_limit(self, crd: ApiServer, api: httpx.Client) -> None:
        create(api, "scaled")
        with pytest.raises(AssertionError, match="less than or equal to 1000"):
            crd.kubectl("-n", NAMESPACE, "scale", "llmd", "scaled", "--replicas=1001")

    def test_it_shows_replicas_and_selector(self, api: httpx.Client) -> None:
        create(api, "scaled", {"replicas": 2})
        apply_status(api, "scaled", to_json(STATUS))
        scale = api.get(path("scaled", "scale")).raise_for_status().json()
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"] == {"replicas": 2, "selector": STATUS.selector}


class TestStatus:
    def test_what_is_applied_is_what_is_stored(self, api: httpx.Client) -> None:
        create(api, "told")
        apply_status(api, "told", to_json(STATUS))
        stored = get(api, "told")
        assert stored["status"] == to_json(STATUS)
        assert LLMDeploymentStatus.model_validate(stored["status"]) == STATUS
        assert stored["spec"]["model"] == {"source": SOURCE}
        assert stored["metadata"]["generation"] == 1

    def test_an_empty_one_is_stored_too(self, api: httpx.Client) -> None:
        create(api, "told")
        apply_status(api, "told", to_json(LLMDeploymentStatus()))
        assert get(api, "told")["status"] == to_json(LLMDeploymentStatus())

    def test_the_same_again_writes_nothing(self, api: httpx.Client) -> None:
        create(api, "told")
        first = apply_status(api, "told", to_json(STATUS))
        again = apply_status(api, "told", to_json(STATUS))
        assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]

    def test_what_is_left_out_goes(self, api: httpx.Client) -> None:
        create(api, "told")
        apply_status(api, "told", to_json(STATUS))
        apply_status(api, "told", to_json(STATUS.model_copy(update={"model": None})))
        assert "model" not in get(api, "told")["status"]

    def test_conditions_of_others_stay(self, api: httpx.Client) -> None:
        create(api, "told")
        apply_status(api, "told", to_json(STATUS))
        theirs = {**to_json(STATUS)["conditions"][0], "type": "example.com/Audited"}
        api.patch(
            path("told", "status"),
            content=json.dumps(
                {**manifest(name="told"), "spec": None, "status": {"conditions": [theirs]}}
            ),
            params={"fieldManager": "auditor"},
            headers={"Content-Type": "application/apply-patch+yaml"},
        ).raise_for_status()
        apply_status(api, "told", to_json(STATUS))
        kinds = [condition["type"] for condition in get(api, "told")["status"]["conditions"]]
        assert sorted(kinds) == ["Ready", "example.com/Audited"]

    def test_users_and_the_operator_own_different_fields(
        self, crd: ApiServer, api: httpx.Client
    ) -> None:
        document = json.dumps(manifest({"slots": 2}, "told"))
        crd.kubectl("-n", NAMESPACE, "apply", "--server-side", "-f", "-", stdin=document)
        apply_status(api, "told", to_json(STATUS))
        document = json.dumps(manifest({"slots": 3}, "told"))
        crd.kubectl("-n", NAMESPACE, "apply", "--server-side", "-f", "-", stdin=document)
        stored = get(api, "told")
        assert stored["spec"]["slots"] == 3
        assert stored["status"] == to_json(STATUS)
        assert stored["metadata"]["generation"] == 2

    def test_a_status_in_a_users_manifest_is_ignored(self, api: httpx.Client) -> None:
        document = {**manifest(name="told"), "status": to_json(STATUS)}
        api.post(path(), json=document).raise_for_status()
        assert "status" not in get(api, "told")
