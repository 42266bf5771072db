"""Does the operator tell the truth about itself, whatever is taken away from it?"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import CRDS, ApiServer
from tests.integration.deployments import Namespace
from tests.integration.metrics_api import GROUP, NAMES, host_address
from tests.integration.operators import Installation, Process, installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own: the definition is taken away from it."""
    with ApiServer.running(tmp_path_factory.mktemp("truth-apiserver")) as made:
        made.apply_crds()
        yield made


class Container:
    """An operator that is started again where its process ends, as the kubelet would.

    It ends where a watch fails in the moment in which it looks what it may see.
    """

    def __init__(self, stack: Installation, name: str) -> None:
        self._stack, self._name = stack, name
        self.process = stack.start(name)

    def leads(self) -> None:
        wait_until(lambda: self._kept().ready_as() == "leading", "the operator to lead", 60)

    def not_ready(self, words: str) -> None:
        """Waits until it says that it is not, in these words."""
        wait_until(lambda: self._says(words), f"not ready: {words}", 30)

    def _says(self, words: str) -> bool:
        try:
            answer = self._kept().probe("/readyz")
        except httpx.TransportError:
            return False  # It has just begun.
        return answer.status_code == 503 and words in answer.text

    def _kept(self) -> Process:
        if not self.process.running:
            self.process = self._stack.start_again(self.process, self._name)
        return self.process


def test_without_the_definition_it_is_not_ready_and_once_it_is_back_it_works(
    server: ApiServer, tmp_path: Path
) -> None:
    with installed(server, "truth-crd", tmp_path) as stack:
        operator = Container(stack, "blind")
        operator.leads()
        server.kubectl("delete", "-f", str(CRDS))
        try:
            operator.not_ready("are the CRDs of crds/ applied?")
        finally:
            server.apply_crds()
        space = Namespace(server, stack.namespace)
        operator.leads()
        space.apply()
        space.wait_for_children()
        # Its watches are new ones: an edit is seen at once, long before the next resync.
        space.apply(slots=2)
        space.wait_for_children()
        assert operator.process.running


def test_without_its_rights_it_is_not_ready_and_names_the_missing_one(
    server: ApiServer, tmp_path: Path
) -> None:
    with installed(server, "truth-rights", tmp_path) as stack:
        operator = Container(stack, "powerless")
        operator.leads()
        space = Namespace(server, stack.namespace)
        bindings = json.loads(space.kubectl("get", "rolebindings", "-o", "json"))
        own = f"{stack.namespace}-llm-stack-own-namespace"
        bindings["items"] = [b for b in bindings["items"] if b["metadata"]["name"] != own]
        assert bindings["items"]
        for binding in bindings["items"]:
            space.kubectl("delete", "rolebinding", binding["metadata"]["name"])
            for field in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
                binding["metadata"].pop(field, None)
        operator.not_ready('cannot list resource "llmdeployments"')
        space.kubectl("create", "-f", "-", stdin=json.dumps(bindings))
        operator.leads()
        space.apply()
        space.wait_for_children()


def test_a_root_that_was_deleted_is_put_back_and_by_a_new_operator_too(
    server: ApiServer, tmp_path: Path
) -> None:
    with installed(server, "truth-root", tmp_path) as stack:
        space, name = Namespace(server, stack.namespace), stack.env["LLMSTACK_ROOT_SECRET"]
        first = stack.start("first").wait_until("leading")
        wait_until(lambda: space.get("secret", f"{name}-copy") is not None, "the copy", 30)
        root = space.need("secret", name)["data"]
        space.kubectl("delete", "secret", name)
        wait_until(lambda: space.get("secret", name) is not None, "the root Secret", 30)
        assert space.need("secret", name)["data"] == root
        first.send(signal.SIGKILL)
        first.wait()
        space.kubectl("delete", "secret", name)
        stack.start("second").wait_until("leading")
        wait_until(lambda: space.get("secret", name) is not None, "the root Secret", 30)
        assert space.need("secret", name)["data"] == root


LABELS = {
    "app.kubernetes.io/name": "llm-stack",
    "app.kubernetes.io/instance": "truth",
    "app.kubernetes.io/component": "operator",
}


def pod(stack: Installation, name: str) -> None:
    """A pod of the operator's that is ready, as the kubelet would say."""
    space = Namespace(stack.server, stack.namespace)
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {
            "containers": [{"name": "operator", "image": "none.example/none"}],
            "automountServiceAccountToken": False,
        },
    }
    wait_until(lambda: space.get("serviceaccount", "default") is not None, "its account", 30)
    space.kubectl("create", "-f", "-", stdin=json.dumps(body))
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    space.kubectl("patch", "pod", name, "--subresource=status", "-p", json.dumps(status))


def api_services(server: ApiServer) -> int:
    return sum(bool(server.kubectl("get", "apiservice", n, "--ignore-not-found")) for n in NAMES)


def test_the_last_operator_to_end_takes_its_api_services_along(
    server: ApiServer, tmp_path: Path
) -> None:
    with (
        installed(server, "truth-last", tmp_path, everywhere=True, metrics=True) as stack,
        server.controllers(),
    ):
        for name in ("one", "two"):
            pod(stack, name)
        one = stack.start("one").wait_until("leading")
        wait_until(lambda: api_services(server) == len(NAMES), "the APIServices", 120)
        two = stack.start("two").wait_until("standing by")
        one.send(signal.SIGTERM)
        assert one.wait() == 0
        assert api_services(server) == len(NAMES), "the other one goes on"
        two.wait_until("leading")
        stack.server.kubectl("-n", stack.namespace, "delete", "pod", "one", "--force")
        two.send(signal.SIGTERM)
        assert two.wait() == 0
        assert api_services(server) == 0


def unready_pod(stack: Installation, process: Process) -> None:
    """The process as a pod that is not ready, as the kubelet would say, at an address of here."""
    space, ip = Namespace(stack.server, stack.namespace), host_address()
    service = space.need("service", f"{stack.namespace}-llm-stack-metrics")
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "unready", "labels": service["spec"]["selector"]},
        "spec": {
            "containers": [
                {
                    "name": "operator",
                    "image": "none.example/none",
                    "ports": [{"name": "metrics", "containerPort": process.metrics_port}],
                }
            ],
            "automountServiceAccountToken": False,
        },
    }
    wait_until(lambda: space.get("serviceaccount", "default") is not None, "its account", 30)
    space.kubectl("create", "-f", "-", stdin=json.dumps(body))
    conditions = [{"type": "Ready", "status": "False"}]
    status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions}
    patch = json.dumps({"status": status})
    space.kubectl("patch", "pod", "unready", "--subresource=status", "-p", patch)


def test_an_operator_that_is_not_ready_serves_the_metrics_api_and_no_namespace_hangs(
    server: ApiServer, tmp_path: Path
) -> None:
    with (
        installed(server, "truth-api", tmp_path, everywhere=True, metrics=True) as stack,
        server.controllers(),
    ):
        operator = Container(stack, "alone")
        operator.leads()
        unready_pod(stack, operator.process)
        wait_until(lambda: api_services(server) == len(NAMES), "the APIServices", 120)
        server.kubectl("delete", "-f", str(CRDS))
        try:
            operator.not_ready("are the CRDs of crds/ applied?")
            for name in NAMES:
                version = name.partition(".")[0]
                wait_until(lambda v=version: answers(server, v), f"{version} to answer", 60)
            server.kubectl("create", "namespace", "leaving")
            server.kubectl("delete", "namespace", "leaving", "--timeout=60s")
            operator.not_ready("are the CRDs of crds/ applied?")
        finally:
            server.apply_crds()
            operator.process.close()
            server.kubectl("delete", "apiservice", *NAMES)


def answers(server: ApiServer, version: str) -> bool:
    """Whether the API server gets the metrics API's own answer."""
    with server.client() as client:
        return client.get(f"{GROUP}/{version}").is_success
