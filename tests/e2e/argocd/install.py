"""How does the real Argo CD get into a cluster?

By its own manifest of a core installation: the one of the module that its program is built from.
Nothing in it is changed but the names of the images.
"""

from __future__ import annotations

import json
import re
import secrets

from tests.e2e.cluster import gobuild, versions
from tests.e2e.cluster.binaries import ARGOCD_MODULE
from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.release import ROOT

NAMESPACE = "argocd"
SAMPLES = ROOT / "examples" / "argocd"
_HERE = f"--namespace={NAMESPACE}"
_WORKLOADS = (
    "deployment/argocd-redis",
    "deployment/argocd-repo-server",
    "deployment/argocd-applicationset-controller",
    "statefulset/argocd-application-controller",
)
# Healths, message included, go into the Applications, where kubectl shows them.
_PARAMETER = "--from-literal=controller.resource.health.persist=true"
# Its API server makes these two, and a core installation has none.
_KEY = f"--from-literal=server.secretkey={secrets.token_hex(32)}"
_PROJECT = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "default"},
    "spec": {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    },
}


def install(cluster: Provider, image: str) -> None:
    """Argo CD, ready, with what examples/argocd/ has it know of the stack."""
    kubectl = cluster.kubectl
    kubectl("create", "namespace", NAMESPACE)
    # Before its programs, which read them when they start.
    kubectl("create", "configmap", "argocd-cmd-params-cm", _HERE, _PARAMETER)
    kubectl("create", "secret", "generic", "argocd-secret", _HERE, _KEY)
    kubectl("apply", "--server-side", _HERE, "--filename=-", stdin=manifest(image))
    settings = (SAMPLES / "argocd-cm.yaml").read_text()
    kubectl("patch", "configmap", "argocd-cm", _HERE, f"--patch={settings}")
    kubectl("wait", "--for=condition=Established", "crd/appprojects.argoproj.io")
    kubectl("apply", _HERE, "--filename=-", stdin=json.dumps(_PROJECT))
    for workload in _WORKLOADS:
        kubectl("rollout", "status", _HERE, workload, "--timeout=3m")


def manifest(image: str) -> str:
    """Its manifest of a core installation, whose every container runs from `image`."""
    module = gobuild.module_directory(ARGOCD_MODULE, versions.ARGOCD)
    text = (module / "manifests" / "core-install.yaml").read_text()
    text = re.sub(r"^( +)image: \S+:\S+$", rf"\1image: {image}", text, flags=re.MULTILINE)
    text = text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")
    # Redis' own image starts it where nothing but options is given.
    options = "- args:\n        - --save\n"
    return text.replace(options, options.replace("- --save", "- redis-server\n        - --save"))
