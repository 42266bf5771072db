"""Can an autoscaler read the load through a real API server, and nobody else?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.metrics_api import GROUP, TEAM, Metrics, deployment, value_path
from tests.integration.operators import installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own: the metrics API is one for all of it."""
    with ApiServer.running(tmp_path_factory.mktemp("metrics-apiserver")) as made:
        made.apply_crds()
        deployment(made)
        yield made


@pytest.fixture(scope="module")
def metrics(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """A gateway with three requests that wait, and two operators: one leads."""
    directory = tmp_path_factory.mktemp("metrics")
    with installed(server, "metrics", directory, everywhere=True, metrics=True) as stack:
        made = Metrics(stack, directory)
        try:
            made.operator("one").wait_until("leading")
            made.operator("two").wait_until("standing by")
            wait_until(made.gateway.ready, "the gateway", 30)
            made.gateway.ask(f"{TEAM}/qwen", 3)
            made.wait_for("slot_utilization", "750m")
            yield made
        finally:
            made.close()


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_kubectl_reads_each_metric_in_each_version(metrics: Metrics, version: str) -> None:
    listed = json.loads(metrics.server.kubectl("get", "--raw", f"{GROUP}/{version}"))
    assert [each["name"] for each in listed["resources"]] == [
        f"llmdeployments.llmstack.dev/{metric}"
        for metric in ("slot_utilization", "slots_busy", "slots_waiting", "slots_total")
    ]

    found = json.loads(
        metrics.server.kubectl("get", "--raw", value_path("slot_utilization", version=version))
    )
    (value,) = found["items"]
    assert value["value"] == "750m"
    assert value["describedObject"]["name"] == "qwen"
    assert metrics.value("slots_waiting", version) == "3"
    assert metrics.value("slots_busy", version) == "0"
    assert metrics.value("slots_total", version) == "0"


def test_clients_discover_the_metrics_with_all_other_resources(metrics: Metrics) -> None:
    wait_until(
        lambda: discovered(metrics) == {"v1beta2": "Current", "v1beta1": "Current"},
        "the discovery",
        60,
    )


def discovered(metrics: Metrics) -> dict[str, str]:
    """How fresh is what the API server itself knows of each version, metrics included?"""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = metrics.client.get("/apis", headers={"Accept": accept}).json()["items"]
    found = (each for each in groups if each["metadata"]["name"] == "custom.metrics.k8s.io")
    return {
        version["version"]: version["freshness"]
        for group in found
        for version in group["versions"]
        for resource in version.get("resources", ())
        if "slot_utilization" in [each["subresource"] for each in resource["subresources"]]
    }


def test_all_of_a_namespace_and_no_selector(metrics: Metrics) -> None:
    found = metrics.get(value_path("slots_waiting", name="*"))
    assert [item["value"] for item in found.json()["items"]] == ["3"]

    refused = metrics.get(value_path("slots_waiting", name="*"), labelSelector="a=b")
    assert refused.status_code == 400
    assert "labelSelector is not supported" in refused.json()["message"]


def test_what_nobody_knows_is_not_found(metrics: Metrics) -> None:
    assert metrics.get(value_path("gpu")).status_code == 404
    found = metrics.get(value_path("slots_busy", name="none"))
    assert found.status_code == 404
    assert found.json()["message"] == "the gateway knows no LLMDeployment team/none"


def test_each_process_answers_alone(metrics: Metrics) -> None:
    for process in metrics.stack.processes:
        headers = {"X-Remote-User": "admin", "X-Remote-Group": "system:masters"}
        answer = metrics.directly(process, value_path("slots_waiting"), headers, proven=True)
        assert answer.json()["items"][0]["value"] == "3"


def raw_as(metrics: Metrics, user: str, path: str) -> subprocess.CompletedProcess[str]:
    kubeconfig = metrics.server.kubeconfig_for(user)
    command = [binary("kubectl"), f"--kubeconfig={kubeconfig}", "get", "--raw", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_user_without_rights_is_refused_and_a_viewer_is_not(metrics: Metrics) -> None:
    path = value_path("slot_utilization")
    assert "Forbidden" in raw_as(metrics, "mallory", path).stderr

    binding = ("create", "rolebinding", "ann", "--clusterrole=view", "--user=ann", "-n", TEAM)
    metrics.server.kubectl(*binding)
    # `view` is put together from its parts by a controller; here the part is bound itself.
    part = f"{metrics.stack.env['LLMSTACK_LEASE_NAME']}-view"
    metrics.server.kubectl(
        "create", "rolebinding", "ann-part", f"--clusterrole={part}", "--user=ann", "-n", TEAM
    )
    assert '"750m"' in raw_as(metrics, "ann", path).stdout


CALLS = [
    ("without the certificate of the API server", False, {"X-Remote-User": "admin"}, 401),
    ("with it, on behalf of nobody", True, {}, 401),
    ("with it, on behalf of one without rights", True, {"X-Remote-User": "mallory"}, 403),
]


@pytest.mark.parametrize(("how", "proven", "headers", "status"), CALLS, ids=[c[0] for c in CALLS])
def test_a_call_past_the_api_server(
    metrics: Metrics, how: str, proven: bool, headers: dict[str, str], status: int
) -> None:
    for process in metrics.stack.processes:
        answer = metrics.directly(process, value_path("slots_busy"), headers, proven=proven)
        assert answer.status_code == status, how
        assert answer.json()["kind"] == "Status"


def test_one_process_is_enough(metrics: Metrics) -> None:
    leader, standby = metrics.stack.processes
    metrics.lead_away("one")
    assert metrics.value("slots_waiting") == "3"
    metrics.lead_to(leader, "one")
    metrics.lead_away("two")
    assert metrics.value("slots_waiting") == "3"
    metrics.lead_to(standby, "two")


def autoscaler(name: str, target: str) -> str:
    """One for the Deployment `name` that follows the load of qwen."""
    metric = {
        "type": "Object",
        "object": {
            "describedObject": {
                "apiVersion": "llmstack.dev/v1alpha1",
                "kind": "LLMDeployment",
                "name": "qwen",
            },
            "metric": {"name": "slot_utilization"},
            "target": {"type": "AverageValue", "averageValue": target},
        },
    }
    return json.dumps(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 1,
                "maxReplicas": 9,
                "metrics": [metric],
            },
        }
    )


def test_the_real_autoscaler_asks_for_what_the_slots_need(metrics: Metrics) -> None:
    """Three quarters of a replica's slots are asked for; at a target of 20% that is four."""
    space = Namespace(metrics.server, TEAM)
    with metrics.server.controllers():
        space.kubectl("create", "deployment", "follows", "--image=example.internal/x:1")
        space.kubectl("apply", "-f", "-", stdin=autoscaler("follows", "200m"))
        wait_until(lambda: space.need("deployment", "follows")["spec"]["replicas"] == 4, "four", 60)
        (read,) = space.need("hpa", "follows")["status"]["currentMetrics"]
        assert read["object"]["current"]["averageValue"] in ("750m", "188m")
        space.kubectl("delete", "hpa,deployment", "follows")


def test_a_load_that_is_stale_is_an_error_and_never_0(metrics: Metrics) -> None:
    """The last one here: the gateway is gone from now on."""
    metrics.gateway.kill()
    seen: list[str] = []

    def stale() -> bool:
        seen.append(metrics.value("slot_utilization"))
        return seen[-1].startswith("503")

    wait_until(stale, "the load to be stale", 30)
    assert "the load is unknown" in seen[-1]
    # Before that, the last load that was heard.
    assert set(seen[:-1]) <= {"750m"}
