"""The bare node is a real one: restricted pods, volumes, DNS, Services, devices, a way in."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import busybox
from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.kubectl import KubectlFailed
from tests.e2e.cluster.processes import wait_until
from tests.integration.audit import about, entries, user

NAMESPACE = "restricted"
USER = 65532


@pytest.fixture(scope="module")
def node(bare: BareCluster, tmp_path_factory: pytest.TempPathFactory) -> BareCluster:
    """The bare cluster with the test image and a namespace that enforces *restricted*."""
    bare.load_image(busybox.IMAGE, busybox.archive(tmp_path_factory.mktemp("image")))
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"metadata": {"name": NAMESPACE, "labels": labels}}
    apply(bare, {"apiVersion": "v1", "kind": "Namespace"} | namespace)
    account = ("get", "serviceaccount", "default", "-n", NAMESPACE, "--ignore-not-found")
    wait_until(lambda: bool(bare.kubectl(*account)), "the namespace's service account", 30)
    return bare


def apply(cluster: BareCluster, *manifests: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, manifests)))


def restricted_pod(name: str, script: str, volume: dict[str, Any] | None = None) -> dict[str, Any]:
    """A pod as the operator makes them: no root, read-only root, no capability, fsGroup."""
    container = {
        "name": "main",
        "image": busybox.IMAGE,
        "command": ["/bin/sh", "-c", script],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}] if volume else [],
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec: dict[str, Any] = {
        "containers": [container],
        "securityContext": security,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
        "volumes": [{"name": "cache"} | volume] if volume else [],
    }
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def claim(name: str, storage_class: str, mode: str, size: str = "1Gi") -> dict[str, Any]:
    spec = claim_spec(storage_class, mode, size)
    metadata = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def claim_spec(storage_class: str, mode: str, size: str) -> dict[str, Any]:
    requests = {"requests": {"storage": size}}
    return {"storageClassName": storage_class, "accessModes": [mode], "resources": requests}


def run(cluster: BareCluster, pod: dict[str, Any]) -> str:
    """What the pod printed, once it has succeeded; the pod is deleted."""
    name = pod["metadata"]["name"]
    apply(cluster, pod)
    try:
        wait_for_phase(cluster, name, "Succeeded")
        return cluster.kubectl("logs", name, "-n", NAMESPACE)
    finally:
        cluster.kubectl("delete", "pod", name, "-n", NAMESPACE, "--wait")


def wait_for_phase(cluster: BareCluster, name: str, wanted: str) -> None:
    def reached() -> bool:
        phase = "jsonpath={.status.phase}"
        shown = cluster.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", phase)
        if shown != wanted and shown in ("Succeeded", "Failed"):
            raise AssertionError(cluster.kubectl("logs", name, "-n", NAMESPACE))
        return shown == wanted

    try:
        wait_until(reached, f"pod {name} to be {wanted}", seconds=60)
    except TimeoutError as error:
        raise AssertionError(cluster.kubectl("describe", "pod", name, "-n", NAMESPACE)) from error


@pytest.mark.parametrize(
    ("storage_class", "mode"), [("standard", "ReadWriteOnce"), ("shared", "ReadWriteMany")]
)
def test_a_restricted_pod_writes_its_cache_and_the_next_one_reads_it(
    node: BareCluster, storage_class: str, mode: str
) -> None:
    name = f"cache-{storage_class}"
    volume = {"persistentVolumeClaim": {"claimName": name}}
    apply(node, claim(name, storage_class, mode))
    run(node, restricted_pod(name, "id > /cache/model && mkdir /cache/dir", volume))
    assert f"uid={USER}" in run(node, restricted_pod(name, "cat /cache/model", volume))


def test_a_restricted_pod_can_write_nothing_else(node: BareCluster) -> None:
    pod = restricted_pod("readonly", "touch /file 2>&1; true")
    assert "Read-only file system" in run(node, pod)


def test_a_cache_survives_the_restart_of_a_container(node: BareCluster) -> None:
    apply(node, claim("restart", "standard", "ReadWriteOnce"))
    pod = restricted_pod(
        "restart",
        "if test -e /cache/model; then cat /cache/model; else echo kept > /cache/model; exit 1; fi",
        {"persistentVolumeClaim": {"claimName": "restart"}},
    )
    pod["spec"]["restartPolicy"] = "OnFailure"
    assert run(node, pod) == "kept\n"


def test_pods_share_a_read_write_many_volume_at_the_same_time(node: BareCluster) -> None:
    apply(node, claim("both", "shared", "ReadWriteMany"))
    volume = {"persistentVolumeClaim": {"claimName": "both"}}
    waiter = "until test -e /cache/theirs; do sleep 0.1; done; cat /cache/theirs"
    apply(node, restricted_pod("reader", waiter, volume))
    run(node, restricted_pod("writer", "echo shared > /cache/theirs", volume))
    wait_for_phase(node, "reader", "Succeeded")
    assert node.kubectl("logs", "reader", "-n", NAMESPACE) == "shared\n"


def test_a_generic_ephemeral_volume_goes_with_its_pod(node: BareCluster) -> None:
    template = {"spec": claim_spec("standard", "ReadWriteOnce", "1Gi")}
    volume = {"ephemeral": {"volumeClaimTemplate": template}}
    run(node, restricted_pod("ephemeral", "echo gone > /cache/model", volume))

    def deleted() -> bool:
        left = node.kubectl("get", "persistentvolumes", "-o", "jsonpath={..claimRef.name}")
        return "ephemeral-cache" not in left.split()

    wait_until(deleted, "the volume to be deleted", seconds=60)
    volumes = node.directory / "volumes"
    assert "gone\n" not in [file.read_text() for file in volumes.glob("*/model")]


def test_a_full_volume_says_so(node: BareCluster) -> None:
    apply(node, claim("full", "limited", "ReadWriteOnce", "4Mi"))
    volume = {"persistentVolumeClaim": {"claimName": "full"}}
    script = "dd if=/dev/zero of=/cache/model bs=1M count=5 2>&1; true"
    assert "No space left on device" in run(node, restricted_pod("full", script, volume))


def test_a_claim_that_no_class_can_serve_learns_why(node: BareCluster) -> None:
    apply(node, claim("many", "standard", "ReadWriteMany"))
    apply(node, restricted_pod("many", "true", {"persistentVolumeClaim": {"claimName": "many"}}))

    def told() -> bool:
        return "cannot provide ReadWriteMany" in node.kubectl("get", "events", "-n", NAMESPACE)

    wait_until(told, "an event on the claim", seconds=30)
    node.kubectl("delete", "pod", "many", "-n", NAMESPACE)


def test_names_of_services_resolve_and_others_do_not_exist(node: BareCluster) -> None:
    found = run(node, restricted_pod("dns", "nslookup kubernetes.default.svc.cluster.local"))
    assert "10.96.0.1" in found
    # Short names too, by the search list; and what is outside fails at once, not after a timeout.
    script = "wget -T 5 -O- kubernetes.default:443 2>&1; wget -O- http://example.com 2>&1; true"
    assert "bad address 'example.com'" in run(node, restricted_pod("outside", script))


@pytest.mark.parametrize("headless", [False, True])
def test_a_forward_follows_the_pods_of_a_service(node: BareCluster, headless: bool) -> None:
    name = f"web-{str(headless).lower()}"
    ports = [{"port": 80, "targetPort": 8080, "name": "http"}]
    spec: dict[str, Any] = {"selector": {"app": name}, "ports": ports}
    if headless:
        spec["clusterIP"] = "None"
    metadata = {"name": name, "namespace": NAMESPACE}
    apply(node, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    url = node.forward(NAMESPACE, name, 80)
    for generation in ("first", "second"):
        serve = f"echo {generation} > /tmp/index.html && httpd -f -p 8080 -h /tmp"
        pod = restricted_pod(name, serve)
        pod["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
        apply(node, pod)
        wait_until(lambda text=generation: answer(url) == text, f"the {generation} pod", 60)
        node.kubectl("delete", "pod", name, "-n", NAMESPACE)
    wait_until(lambda: answer(url) is None, "the Service to have no pod", seconds=30)


def answer(url: str) -> str | None:
    try:
        return httpx.get(url, trust_env=False).text.strip()
    except httpx.TransportError:
        return None


def test_an_advertised_gpu_is_scheduled_and_counted(node: BareCluster) -> None:
    node.advertise_gpu(1)
    pods = [restricted_pod(name, "sleep 1000") for name in ("gpu-one", "gpu-two")]
    for pod in pods:
        pod["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": 1}}
    apply(node, pods[0])
    wait_for_phase(node, "gpu-one", "Running")
    apply(node, pods[1])

    def refused() -> bool:
        described = node.kubectl("describe", "pod", "gpu-two", "-n", NAMESPACE)
        return "Insufficient nvidia.com/gpu" in described

    wait_until(refused, "the second pod to be refused", seconds=30)
    node.kubectl("delete", "pod", "gpu-one", "gpu-two", "-n", NAMESPACE)


def test_exec_and_the_security_standard_work(node: BareCluster) -> None:
    apply(node, restricted_pod("shell", "sleep 1000"))
    wait_for_phase(node, "shell", "Running")
    assert node.kubectl("exec", "shell", "-n", NAMESPACE, "--", "id", "-u") == f"{USER}\n"
    privileged = restricted_pod("privileged", "true")
    privileged["spec"]["securityContext"] = {}
    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        apply(node, privileged)
    node.kubectl("delete", "pod", "shell", "-n", NAMESPACE)


def test_pods_run_on_while_the_api_server_is_away(node: BareCluster) -> None:
    apply(node, restricted_pod("steady", "sleep 1000"))
    wait_for_phase(node, "steady", "Running")
    with node.apiserver_away(), pytest.raises(KubectlFailed):
        node.kubectl("get", "pods")
    started = "jsonpath={.status.containerStatuses[0].restartCount}"
    assert node.kubectl("get", "pod", "steady", "-n", NAMESPACE, "-o", started) == "0"
    node.kubectl("delete", "pod", "steady", "-n", NAMESPACE)


def test_the_audit_log_names_who_wrote(node: BareCluster) -> None:
    node.kubectl("create", "configmap", "audited", "-n", NAMESPACE)
    writers = {
        user(entry)
        for entry in entries(node.audit_log)
        if about(entry, "name") == "audited" and entry["verb"] == "create"
    }
    assert writers == {"admin"}


def test_the_host_gets_no_interface(node: BareCluster) -> None:
    assert node.running()
    names = {name for _, name in socket.if_nameindex()}
    assert not names & {"node", "pods"}
    assert not any(name.startswith("veth") for name in names)


def test_two_clusters_run_side_by_side(node: BareCluster, tmp_path: Path) -> None:
    apply(node, restricted_pod("neighbour", "sleep 1000"))
    wait_for_phase(node, "neighbour", "Running")
    other = BareCluster(tmp_path, node.name + "-b")
    try:
        other.start()
        assert other.name in other.kubectl("get", "nodes")
        assert node.name + " " in node.kubectl("get", "nodes")
        other.load_image(busybox.IMAGE, busybox.archive(tmp_path))
        other.kubectl("run", "here", f"--image={busybox.IMAGE}", "--", "-c", "sleep 1000")
        other.kubectl("wait", "--for=condition=Ready", "pod/here", "--timeout=60s")
    finally:
        other.stop()
    # The other kubelet, and its end, left our pods alone.
    restarts = "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount}"
    shown = node.kubectl("get", "pod", "neighbour", "-n", NAMESPACE, "-o", restarts)
    assert shown == "Running 0"
    node.kubectl("delete", "pod", "neighbour", "-n", NAMESPACE)
