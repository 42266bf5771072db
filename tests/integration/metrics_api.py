"""How do tests ask for metrics as an autoscaler does, through a real API server?

A real gateway tells the load of real LLMDeployments, whose replicas nobody starts; requests that
wait for one are the load. The API server finds the operators by EndpointSlices, as in a cluster.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.sites import free_ports
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, Process

GROUP = "/apis/custom.metrics.k8s.io"
NAMES = ("v1beta2.custom.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io")
VERSIONS = ("v1beta2", "v1beta1")
TEAM = "team"
QUICK = {"LLMSTACK_METRICS_CHECK_SECONDS": "0.5"}


def value_path(metric: str, name: str = "qwen", version: str = "v1beta2") -> str:
    return f"{GROUP}/{version}/namespaces/{TEAM}/llmdeployments.llmstack.dev/{name}/{metric}"


def host_address() -> str:
    """An address of this host that is not loopback: an EndpointSlice may not name that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks for the route
        return str(probe.getsockname()[0])


class Gateway:
    """`llmstack gateway` with the rights and settings of the chart, as a process."""

    def __init__(self, stack: Installation, log: Path) -> None:
        fullname = stack.env["LLMSTACK_LEASE_NAME"]
        user = f"system:serviceaccount:{stack.namespace}:{fullname}-gateway"
        self.port, self.admin = free_ports(2)
        env = {
            "POD_NAMESPACE": stack.namespace,
            "LLMSTACK_ROOT_SECRET": stack.env["LLMSTACK_ROOT_SECRET"],
            "LLMSTACK_HTTP_PORT": str(self.port),
            "LLMSTACK_ADMIN_PORT": str(self.admin),
            "KUBECONFIG": str(stack.server.kubeconfig_for(user, "system:serviceaccounts")),
        }
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "llmstack", "gateway"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
            )
        self._clients: list[socket.socket] = []

    def ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.admin}/readyz").is_success
        return False

    def ask(self, model: str, times: int) -> None:
        """So many requests more, which wait for a replica."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}]})
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        for _ in range(times):
            client = socket.create_connection(("127.0.0.1", self.port))
            client.sendall((head + body).encode())
            self._clients.append(client)

    def kill(self) -> None:
        """Before its clients notice: it has no time to tell that they left."""
        self._process.kill()
        self._process.wait()
        for client in self._clients:
            client.close()
        self._clients.clear()


class Metrics:
    """One installation with its metrics API, and who asks it."""

    def __init__(self, stack: Installation, directory: Path) -> None:
        self.stack = stack
        self.server: ApiServer = stack.server
        self.service = stack.env["LLMSTACK_METRICS_SERVICE"]
        self.owner = stack.env["LLMSTACK_METRICS_OWNER"]
        self.gateway = Gateway(stack, directory / "gateway.log")
        self.client = stack.server.client()

    def operator(self, name: str, **env: str) -> Process:
        """A further process of the operator, that the Service leads to as well."""
        url = f"http://127.0.0.1:{self.gateway.admin}/load"
        process = self.stack.start(name, LLMSTACK_GATEWAY_LOAD_URL=url, **{**QUICK, **env})
        self.lead_to(process, name)
        return process

    def lead_to(self, process: Process, name: str) -> None:
        """What the controllers of a cluster write when a pod is ready."""
        body = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"metrics-{name}",
                "labels": {
                    "kubernetes.io/service-name": self.service,
                    "endpointslice.kubernetes.io/managed-by": "tests",
                },
            },
            "addressType": "IPv4",
            "ports": [{"name": "metrics", "port": process.metrics_port}],
            "endpoints": [{"addresses": [host_address()], "conditions": {"ready": True}}],
        }
        self._in_own("apply", "-f", "-", stdin=json.dumps(body))

    def lead_away(self, name: str) -> None:
        """What they write when it is gone."""
        self._in_own("delete", "endpointslice", f"metrics-{name}")

    def get(self, path: str, **query: str) -> httpx.Response:
        """As the administrator, through the API server."""
        return self.client.get(path, params=query)

    def value(self, metric: str, version: str = "v1beta2") -> str:
        """What the API server says of a metric of qwen, or of why there is none."""
        answer = self.get(value_path(metric, version=version))
        if not answer.is_success:
            # In plain words where the API server finds nobody to ask.
            return f"{answer.status_code} {answer.text}"
        return str(answer.json()["items"][0]["value"])

    def wait_for(self, metric: str, value: str, seconds: float = 30) -> None:
        """Until the API server says so in both versions."""
        for version in VERSIONS:
            wait_until(partial(self._is, metric, version, value), version, seconds)

    def _is(self, metric: str, version: str, value: str) -> bool:
        return self.value(metric, version) == value

    def directly(
        self, process: Process, path: str, headers: dict[str, str], *, proven: bool
    ) -> httpx.Response:
        """Past the API server; `proven`: with its certificate."""
        pki = self.server.pki
        context = ssl.create_default_context(cadata=self.secret()["ca.crt"])
        context.check_hostname = False  # the address stands in place of the Service's name
        if proven:
            context.load_cert_chain(pki / "front-proxy-client.crt", pki / "front-proxy-client.key")
        url = f"https://127.0.0.1:{process.metrics_port}{path}"
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.get(url, headers=headers)

    def secret(self) -> dict[str, str]:
        """What the Secret of the certificate holds, decoded."""
        text = self._in_own("get", "secret", f"{self.service}-tls", "-o", "json")
        data = json.loads(text)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def api_services(self) -> dict[str, dict[str, Any]]:
        """Those of the group, by name."""
        items = json.loads(self.server.kubectl("get", "apiservices", "-o", "json"))["items"]
        return {
            item["metadata"]["name"]: item
            for item in items
            if item["metadata"]["name"].endswith(".custom.metrics.k8s.io")
        }

    def ours(self) -> bool:
        """Do all versions lead to this installation?"""
        found = self.api_services()
        return set(found) == set(NAMES) and all(
            item["spec"]["service"]["name"] == self.service for item in found.values()
        )

    def close(self) -> None:
        self.client.close()
        self.gateway.kill()

    def _in_own(self, *arguments: str, stdin: str | None = None) -> str:
        return self.server.kubectl("-n", self.stack.namespace, *arguments, stdin=stdin)


def deployment(server: ApiServer) -> None:
    """The LLMDeployment that all ask about: four slots a replica."""
    server.kubectl("create", "namespace", TEAM)
    Namespace(server, TEAM).apply(slots=4)
