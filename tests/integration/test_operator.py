"""What does a running operator do about one LLMDeployment, whatever people do to its children?

A real process with the chart's rights against the real API server; nothing acts on the objects but
the operator.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from llmstack.api.conditions import ConditionType
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.audit import AuditLog, entries, user
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, Process, installed

MEMORY_LIMIT = 120 * 1024 * 1024


@pytest.fixture(scope="module")
def stack(crd: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(crd, "operated", tmp_path_factory.mktemp("operator")) as installation:
        yield installation


@pytest.fixture(scope="module")
def operator(stack: Installation) -> Process:
    return stack.start("only", LLMSTACK_RESYNC_SECONDS="4").wait_until("leading")


@pytest.fixture
def space(stack: Installation, operator: Process) -> Namespace:
    """With the children of `qwen`, as they should be."""
    made = Namespace(stack.server, stack.namespace)
    made.apply()
    made.wait_for_children()
    return made


def test_every_condition_is_there_from_the_first_pass_on(space: Namespace) -> None:
    status = space.need("llmd", "qwen")["status"]
    assert [condition["type"] for condition in status["conditions"]] == list(ConditionType)


CHILDREN = [
    ("deployment", "qwen"),
    ("service", "qwen"),
    ("service", "qwen-replicas"),
    ("networkpolicy", "qwen"),
    ("serviceaccount", "qwen"),
    ("poddisruptionbudget", "qwen"),
    ("secret", "qwen-key"),
]


@pytest.mark.parametrize(("kind", "name"), CHILDREN, ids=[row[0] for row in CHILDREN])
def test_a_child_that_is_deleted_comes_back_as_it_was(
    space: Namespace, kind: str, name: str
) -> None:
    before = space.children()
    uid = space.need(kind, name)["metadata"]["uid"]
    space.kubectl("delete", kind, name)

    def back() -> bool:
        found = space.get(kind, name)
        return found is not None and found["metadata"]["uid"] != uid

    wait_until(back, f"the {kind} to come back", 30)
    wait_until(lambda: space.children() == before, "all to be as it was", 30)


CONTAINER = "/spec/template/spec/containers/0"
EDITS: list[tuple[str, str, str, list[dict[str, Any]]]] = [
    ("another image", "deployment", "qwen", [{"path": f"{CONTAINER}/image", "value": "other:1"}]),
    ("another port of the same name, which no apply can mend", "deployment", "qwen",
     [{"path": f"{CONTAINER}/ports/0/containerPort", "value": 9}]),
    ("no arguments", "deployment", "qwen", [{"path": f"{CONTAINER}/args", "value": []}]),
    ("another strategy", "deployment", "qwen",
     [{"path": "/spec/strategy", "value": {"type": "Recreate"}}]),
    ("a tampered record of the template", "deployment", "qwen",
     [{"path": "/metadata/annotations/llmstack.dev~1template", "value": "{}"}]),
    ("another selector", "service", "qwen-replicas",
     [{"path": "/spec/selector/llmstack.dev~1deployment", "value": "other"}]),
    ("another port", "service", "qwen-replicas", [{"path": "/spec/ports/0/port", "value": 9}]),
    ("another gateway", "service", "qwen",
     [{"path": "/spec/externalName", "value": "elsewhere.example"}]),
    ("open to everybody", "networkpolicy", "qwen", [{"path": "/spec/ingress", "value": [{}]}]),
    ("shielding other pods", "networkpolicy", "qwen",
     [{"path": "/spec/podSelector/matchLabels/llmstack.dev~1deployment", "value": "other"}]),
    ("no owner", "service", "qwen-replicas", [{"path": "/metadata/labels", "value": {}}]),
    ("a token after all", "serviceaccount", "qwen",
     [{"path": "/automountServiceAccountToken", "value": True}]),
    ("more disruption", "poddisruptionbudget", "qwen",
     [{"path": "/spec/maxUnavailable", "value": 5}]),
    ("another key", "secret", "qwen-key", [{"path": "/data/key", "value": "b3RoZXI="}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "kind", "name", "edit"), EDITS, ids=[f"{row[1]}: {row[0]}" for row in EDITS]
)
def test_a_child_that_is_edited_is_mended(
    space: Namespace, sentence: str, kind: str, name: str, edit: list[dict[str, Any]]
) -> None:
    before = space.children()
    patch = json.dumps([{"op": "replace", **step} for step in edit])
    space.kubectl("patch", kind, name, "--type=json", "-p", patch)
    wait_until(lambda: space.children() == before, "all to be as it was", 30)


def test_what_is_no_longer_wanted_goes_and_what_is_not_ours_stays(space: Namespace) -> None:
    owner = space.need("llmd", "qwen")["metadata"]["uid"]
    ours = child("leftover", owner)
    theirs = child("theirs", "00000000-0000-0000-0000-000000000000")
    space.kubectl("apply", "-f", "-", stdin=json.dumps(theirs))
    space.kubectl("apply", "-f", "-", stdin=json.dumps(ours))
    wait_until(lambda: space.get("service", "leftover") is None, "it to be pruned", 30)
    assert space.get("service", "theirs")


def child(name: str, owner: str) -> dict[str, Any]:
    """A Service that an earlier version of the operator might have made for `qwen`."""
    labels = {"llmstack.dev/deployment": "qwen", "app.kubernetes.io/managed-by": "llmstack"}
    reference = {
        "apiVersion": "llmstack.dev/v1alpha1",
        "kind": "LLMDeployment",
        "name": "qwen",
        "uid": owner,
    }
    metadata = {"name": name, "labels": labels, "ownerReferences": [reference]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": "None"},
    }


def test_a_name_that_is_taken_is_left_alone_and_said(space: Namespace) -> None:
    space.kubectl("create", "serviceaccount", "taken")
    space.apply("taken")
    wait_until(lambda: "already exists" in ready(space, "taken"), "the condition", 30)
    assert "ownerReferences" not in space.need("serviceaccount", "taken")["metadata"]
    space.kubectl("delete", "serviceaccount", "taken")
    wait_until(lambda: "already exists" not in ready(space, "taken"), "the condition to go", 60)
    assert space.need("serviceaccount", "taken")["metadata"]["ownerReferences"]


def test_a_service_of_somebody_elses_is_not_made_an_alias_of_the_gateway(space: Namespace) -> None:
    space.kubectl("create", "service", "clusterip", "neighbour", "--tcp=80:80")
    space.apply("neighbour")
    wait_until(
        lambda: "a Service named neighbour already exists" in ready(space, "neighbour"),
        "the words",
        30,
    )
    assert space.need("service", "neighbour")["spec"]["type"] == "ClusterIP"
    assert "url" not in space.need("llmd", "neighbour")["status"]


def test_the_status_tells_the_url_for_clients(space: Namespace) -> None:
    def url() -> object:
        return space.need("llmd", "qwen")["status"].get("url")

    wait_until(lambda: url() == f"http://qwen.{space.name}/v1", "the URL", 30)


def test_a_name_that_two_claim_stays_the_older_ones_and_the_newer_is_told(space: Namespace) -> None:
    def valid(name: str) -> tuple[object, object]:
        condition = space.condition("SpecValid", name)
        return condition.get("status"), condition.get("reason")

    model = {"source": "http://models.internal/model.gguf"}
    space.apply("one", model={**model, "aliases": ["gpt-4o-mini"]})
    space.wait_for_children("one")
    space.apply("other", model={**model, "aliases": ["gpt-4o-mini"]})

    wait_until(lambda: valid("other") == ("True", "NameConflict"), "the conflict", 30)
    message = space.condition("SpecValid", "other")["message"]
    assert f"the name gpt-4o-mini is already used by {space.name}/one" in message
    assert "Warning NameConflict" in events(space, "other")
    assert valid("one") == ("True", "Valid")
    assert "gpt-4o-mini" in space.need("llmd", "one")["status"]["names"]
    # Given up by the older one, it is the newer one's, and the older one cannot take it back.
    space.apply("one", model={**model, "aliases": []})
    wait_until(lambda: valid("other") == ("True", "Valid"), "the conflict to end", 30)
    wait_until(
        lambda: "gpt-4o-mini" in space.need("llmd", "other")["status"]["names"], "its name", 30
    )
    space.apply("one", model={**model, "aliases": ["gpt-4o-mini"]})
    wait_until(lambda: valid("one") == ("True", "NameConflict"), "the other conflict", 30)
    assert valid("other") == ("True", "Valid")


def ready(space: Namespace, name: str) -> str:
    return str(space.condition("Ready", name).get("message", ""))


def test_what_the_cluster_refuses_is_said_in_its_words_and_the_rest_is_made(
    space: Namespace,
) -> None:
    wrong = {"nodeAffinity": {"preferredDuringScheduling": []}}
    space.apply("refused", pod={"affinity": wrong})
    wait_until(lambda: "preferredDuringScheduling" in ready(space, "refused"), "its words", 30)
    assert space.get("service", "refused-replicas")
    assert space.get("deployment", "refused") is None
    space.apply("refused", pod={})
    space.wait_for_children("refused")


def test_a_secret_that_is_missing_is_named_until_it_is_there(space: Namespace) -> None:
    model = {"source": "https://models.internal/m.gguf", "secretRef": {"name": "hub-token"}}
    space.apply("private", model=model)
    wait_until(lambda: "hub-token" in ready(space, "private"), "the condition", 30)
    wait_until(lambda: events(space, "private") == ["Warning SecretMissing"], "one Event", 30)
    space.kubectl("create", "secret", "generic", "hub-token", "--from-literal=token=t")
    wait_until(lambda: "hub-token" not in ready(space, "private"), "the condition to go", 60)


def events(space: Namespace, name: str) -> list[str]:
    query = f"--field-selector=involvedObject.kind=LLMDeployment,involvedObject.name={name}"
    items = json.loads(space.kubectl("get", "events", query, "-o", "json"))["items"]
    return [f"{item['type']} {item['reason']}" for item in items]


def test_another_fetch_image_changes_no_pod_template(
    stack: Installation, operator: Process, space: Namespace
) -> None:
    before = space.need("deployment", "qwen")
    operator.send(signal.SIGTERM)
    assert operator.wait() == 0
    log = AuditLog(stack.server.audit_log)
    image = {"LLMSTACK_IMAGE_FETCH": "example.internal/operator:next"}
    newer = stack.start("newer", LLMSTACK_RESYNC_SECONDS="4", **image)
    newer.wait_until("leading")
    space.apply("after")
    space.wait_for_children("after")
    after = space.need("deployment", "qwen")
    assert after["spec"]["template"] == before["spec"]["template"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert [write for write in log.changes() if write.name == "qwen"] == []
    fetch = space.need("deployment", "after")["spec"]["template"]["spec"]["initContainers"][0]
    assert fetch["image"] == "example.internal/operator:next"


def test_it_has_all_rights_that_it_uses_and_none_is_refused(
    stack: Installation, space: Namespace
) -> None:
    account = f"system:serviceaccount:{stack.namespace}:"
    log = entries(stack.server.audit_log)
    mine = [entry for entry in log if user(entry).startswith(account)]
    refused = [e["requestURI"] for e in mine if e.get("responseStatus", {}).get("code") == 403]
    assert mine and refused == []


def test_it_fits_into_its_memory(stack: Installation, space: Namespace) -> None:
    leader = next(process for process in stack.processes if process.running)
    text = leader.probe("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines["process_resident_memory_bytes"]) < MEMORY_LIMIT


def test_the_root_secret_is_made_once_and_never_overwritten(
    stack: Installation, space: Namespace
) -> None:
    name = stack.env["LLMSTACK_ROOT_SECRET"]
    root = space.need("secret", name)["data"]
    space.kubectl("delete", "secret", name)
    wait_until(lambda: space.get("secret", name) is not None, "the root Secret", 60)
    assert space.need("secret", name)["data"] == root


def test_its_log_is_one_json_object_a_line(operator: Process) -> None:
    lines = [json.loads(line) for line in operator.log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
