"""A control plane, 200 nodes that kwok plays, and one operator process.

API server, etcd, scheduler and controller-manager are the real ones; no container runs. kwok says
of each pod that it is ready as soon as the scheduler has placed it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.stack import is_ready
from tests.e2e.cluster import gobuild, versions
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import Program, wait_until
from tests.e2e.cluster.sites import free_ports
from tests.integration.apiserver import ApiServer
from tests.integration.operators import Installation, Process, installed

NODES = 200
NAMESPACES = tuple(f"team-{number}" for number in range(10))
_OPERATOR_NAMESPACE = "llm-stack"
_READY_SECONDS = 120.0
AS_SHIPPED = {
    "LLMSTACK_LEASE_DURATION_SECONDS": "15",
    "LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS": "10",
    "LLMSTACK_LEASE_RETRY_SECONDS": "2",
}
"""The tests' Leases are short, and an API server that is kept busy would cost one."""
_PATIENT = "--node-monitor-grace-period=10m"
"""kwok renews 200 Leases beside all else on the same cores: a late one is no node that is gone."""

Object = dict[str, Any]


@dataclass(frozen=True)
class World:
    """One cluster of kwok's, with the operator leading in it."""

    server: ApiServer
    installation: Installation
    operator: Process
    api: httpx.Client


@contextmanager
def world(**env: str) -> Iterator[World]:
    """Everything above, ready; it ends with the block. `env` are settings of the operator."""
    with tempfile.TemporaryDirectory(prefix="many-") as home:
        directory = Path(home)
        with ApiServer.running(directory) as server, server.controllers(_PATIENT):
            server.apply_crds()
            with kwok(server, directory), server.scheduling(), server.client() as api:
                add_nodes(api)
                for name in NAMESPACES:
                    server.kubectl("create", "namespace", name)
                with installed(server, _OPERATOR_NAMESPACE, directory, everywhere=True) as chart:
                    chart.env |= {**AS_SHIPPED, **env}
                    operator = chart.start("operator")
                    operator.wait_until("leading", _READY_SECONDS)
                    yield World(server, chart, operator, api)


@contextmanager
def kwok(server: ApiServer, directory: Path) -> Iterator[None]:
    """Plays the kubelet of every node."""
    (port,) = free_ports(1)
    argv: list[str | Path] = [
        binary("kwok"),
        f"--kubeconfig={server.kubeconfig}",
        *(f"--config={path}" for path in stages()),
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{port}",
    ]
    program = Program(argv, directory / "log" / "kwok.log")
    program.start()
    try:
        program.wait_until(lambda: _listens(port), "kwok served", _READY_SECONDS)
        yield
    finally:
        program.stop()


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False


def stages() -> list[Path]:
    """What kwok makes of nodes and pods: the fastest of its own stories."""
    source = gobuild.module_directory("sigs.k8s.io/kwok", versions.KWOK) / "kustomize" / "stage"
    folders = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
    found = [path for folder in folders for path in sorted((source / folder).glob("*.yaml"))]
    return [path for path in found if path.name != "kustomization.yaml"]


def add_nodes(api: httpx.Client) -> None:
    """Posts the nodes, and waits until kwok says that they are ready."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _add_node(api, f"node-{number}"), range(NODES)))
    wait_until(lambda: _ready_nodes(api) == NODES, f"{NODES} nodes", _READY_SECONDS)


def _add_node(api: httpx.Client, name: str) -> None:
    room = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "2Ti", "pods": "110"}
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": room, "capacity": room},
    }
    api.post("/api/v1/nodes", json=body, timeout=_READY_SECONDS).raise_for_status()


def _ready_nodes(api: httpx.Client) -> int:
    nodes = api.get("/api/v1/nodes", timeout=_READY_SECONDS).raise_for_status().json()["items"]
    return sum(is_ready(node) for node in nodes)
