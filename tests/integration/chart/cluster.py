"""What does a cluster say to the chart? Asked by dry runs: nothing of it stays."""

from __future__ import annotations

import subprocess

import yaml

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
