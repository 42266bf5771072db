"""How do tests run the operator? As real processes, with the rights and settings of the chart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.e2e.cluster import versions
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.sites import free_ports
from tests.integration.apiserver import ApiServer
from tests.support.said import SAID

CHART = Path(__file__).parents[2] / "charts" / "llm-stack"
FAST = {
    "LLMSTACK_LEASE_DURATION_SECONDS": "3",
    "LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS": "2",
    "LLMSTACK_LEASE_RETRY_SECONDS": "0.4",
}
_RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


class Process:
    """One operator process, and what it says."""

    def __init__(
        self, env: dict[str, str], log: Path, ports: tuple[int, int] | None = None
    ) -> None:
        self.log = log
        self.port: int
        self.metrics_port: int
        self.port, self.metrics_port = ports or free_ports(2)
        own = {"LLMSTACK_HTTP_PORT": self.port, "LLMSTACK_METRICS_PORT": self.metrics_port}
        environment = {**os.environ, **env, **{key: str(port) for key, port in own.items()}}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "llmstack", "operator"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, how: signal.Signals) -> None:
        self._process.send_signal(how)

    def wait(self, seconds: float = 30) -> int:
        """Its exit status, negative for a signal."""
        return self._process.wait(seconds)

    def close(self) -> None:
        if self.running:
            self._process.kill()
            self._process.wait()
        SAID.note("an operator's log", self.log.read_text(errors="replace"))

    def probe(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}")

    def ready_as(self) -> str:
        """What /readyz says: "leading", "standing by", or "" if it is not ready."""
        try:
            answer = self.probe("/readyz")
        except httpx.TransportError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    def wait_until(self, state: str, seconds: float = 30) -> Process:
        wait_until(lambda: self.ready_as() == state, f"{self.log} to be {state}", seconds)
        return self


class Installation:
    """The chart's rights and settings in one namespace, and processes that run with them.

    `everywhere` serves all namespaces; else only the namespace itself. The metrics API is one for
    the whole API server, so only a test that has one of its own asks for it with `metrics`.
    """

    def __init__(
        self,
        server: ApiServer,
        namespace: str,
        directory: Path,
        *,
        everywhere: bool = False,
        metrics: bool = False,
    ) -> None:
        self.server = server
        self.namespace = namespace
        self._directory = directory
        self.processes: list[Process] = []
        server.kubectl("create", "namespace", namespace)
        objects = _render(namespace, everywhere=everywhere)
        rights = [item for item in objects if item["kind"] in _RIGHTS]
        server.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
        (workload,) = (item for item in objects if _runs(item, ["operator"]))
        pod = workload["spec"]["template"]["spec"]
        user = f"system:serviceaccount:{namespace}:{pod['serviceAccountName']}"
        variables = pod["containers"][0]["env"]
        self.env = {
            **{item["name"]: item["value"] for item in variables if "value" in item},
            "POD_NAMESPACE": namespace,
            "KUBECONFIG": str(server.kubeconfig_for(user, "system:serviceaccounts")),
            **FAST,
        }
        if metrics:
            services = [item for item in objects if item["kind"] == "Service"]
            server.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(services))
        else:
            self.env["LLMSTACK_METRICS_SERVICE"] = ""

    def start(self, name: str, **env: str) -> Process:
        """A new process; the name shows in the Lease and in the audit log."""
        return self._add(name, env, None)

    def start_again(self, ended: Process, name: str) -> Process:
        """One in place of another, on its ports, as containers of one pod are."""
        return self._add(name, {}, (ended.port, ended.metrics_port))

    def _add(self, name: str, env: dict[str, str], ports: tuple[int, int] | None) -> Process:
        log = self._directory / f"{name}-{len(self.processes)}.log"
        process = Process({**self.env, "POD_NAME": name, **env}, log, ports)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.close()

    def lease(self) -> dict[str, Any]:
        name = self.env["LLMSTACK_LEASE_NAME"]
        text = self.server.kubectl("get", "lease", name, "-n", self.namespace, "-o", "json")
        lease: dict[str, Any] = yaml.safe_load(text)
        return lease

    def holder(self) -> str:
        return str(self.lease()["spec"].get("holderIdentity", ""))


@contextmanager
def installed(
    server: ApiServer,
    namespace: str,
    directory: Path,
    *,
    everywhere: bool = False,
    metrics: bool = False,
) -> Iterator[Installation]:
    installation = Installation(
        server, namespace, directory, everywhere=everywhere, metrics=metrics
    )
    try:
        yield installation
    finally:
        installation.close()


def _render(namespace: str, *, everywhere: bool) -> list[dict[str, Any]]:
    values = ["image.repository=example.internal/operator", "serverImages.cpu=example.internal/l:1"]
    if not everywhere:
        values.append(f"namespaces={{{namespace}}}")
    done = subprocess.run(
        [
            binary("helm"),
            "template",
            namespace,
            str(CHART),
            f"--namespace={namespace}",
            f"--kube-version={versions.KUBERNETES}",
            *(f"--set={value}" for value in values),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def _runs(item: dict[str, Any], arguments: list[str]) -> bool:
    if item["kind"] != "Deployment":
        return False
    return bool(item["spec"]["template"]["spec"]["containers"][0]["args"] == arguments)
