"""Where is the definition (CRD) of a kind that others own? In its project's Go module."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cache, gobuild, versions

# kind -> (cache entry, module, version, file in the module)
DEFINITIONS = {
    "HTTPRoute": (
        "gateway-api",
        "sigs.k8s.io/gateway-api",
        versions.GATEWAY_API,
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
    "ServiceMonitor": (
        "prometheus-operator",
        "github.com/prometheus-operator/prometheus-operator",
        versions.PROMETHEUS_OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
}


def definition(kind: str) -> Path:
    """Which file defines `kind`? Downloads the module first if nobody has yet."""
    name, module, version, file = DEFINITIONS[kind]

    def build(into: Path) -> None:
        shutil.copy(gobuild.module_directory(module, version) / file, into / f"{kind}.yaml")

    return cache.entry(name, version, build) / f"{kind}.yaml"
