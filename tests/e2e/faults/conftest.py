"""The source that misbehaves, once for the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.images import StackImages

NAMESPACE = "faults"
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def bad_source(cluster: Provider, stack_images: StackImages) -> str:
    """Its address inside the cluster."""
    here = f"--namespace={NAMESPACE}"
    script = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bad-source"},
        "data": {"server.py": (HERE / "server.py").read_text()},
    }
    manifest = (HERE / "server.yaml").read_text().replace("IMAGE", stack_images.operator)
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("apply", here, "--filename=-", stdin=json.dumps(script))
    cluster.kubectl("apply", here, "--filename=-", stdin=manifest)
    cluster.kubectl("rollout", "status", here, "deployment/bad-source", "--timeout=1m")
    return f"http://bad-source.{NAMESPACE}.svc"
