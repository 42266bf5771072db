"""What does a cluster say to the chart? Asked by dry runs: nothing of it stays."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from tests.e2e.cluster.definitions import definition
from tests.integration.apiserver import ApiServer
from tests.integration.chart.helm import CHART, Object, helm, options

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "llm-stack"}}


def install(cluster: ApiServer, *values: str) -> subprocess.CompletedProcess[str]:
    """What helm would install here: it asks the cluster, and changes nothing."""
    server = (f"--kubeconfig={cluster.kubeconfig}", "--namespace=llm-stack", "--dry-run=server")
    return helm("install", "llm-stack", CHART, *server, *options(*values))


def accepted(cluster: ApiServer, body: Object) -> None:
    """The API server takes it, every field of it; AssertionError with its words where not."""
    cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(NAMESPACE))
    dry = ("--validate=strict", "--dry-run=server")
    cluster.kubectl("apply", "--server-side", *dry, "--filename=-", stdin=yaml.safe_dump(body))


@contextmanager
def defined(cluster: ApiServer, kind: str) -> Iterator[None]:
    """While it lasts, a kind of another project is there."""
    file = f"--filename={definition(kind)}"
    # On the server's side: the annotation of a client's apply has no room for large definitions.
    cluster.kubectl("apply", "--server-side", file)
    try:
        cluster.kubectl("wait", "--for=condition=Established", file, "--timeout=30s")
        yield
    finally:
        cluster.kubectl("delete", file, "--timeout=30s")
