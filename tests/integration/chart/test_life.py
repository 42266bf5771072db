"""What is left of a release that failed, and of one that is uninstalled? On a real API server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart.helm import CHART, IMAGES, helm, options

RELEASE = "life-llm-stack"
OWN = {
    "apiVersion": "llmstack.dev/v1alpha1",
    "kind": "LLMDeployment",
    "metadata": {"name": "own", "namespace": "default"},
    "spec": {"model": {"source": "pvc://models/a.gguf"}},
}
NEVER_READY = ("--wait", "--timeout=2s")
"""No node runs the pods here."""


@pytest.fixture
def lived(empty: ApiServer) -> Iterator[ApiServer]:
    """A cluster, and afterwards no release in it."""
    yield empty
    run(empty, "uninstall", RELEASE, "--ignore-not-found")


def run(cluster: ApiServer, *words: str) -> subprocess.CompletedProcess[str]:
    """helm, without hooks: no node would run them."""
    where = (f"--kubeconfig={cluster.kubeconfig}", "--namespace=default")
    return helm(*words, *where, "--no-hooks")


def releases(cluster: ApiServer) -> list[tuple[str, str]]:
    """What helm knows of: names and states."""
    listed = helm("list", "--all", "--output=json", f"--kubeconfig={cluster.kubeconfig}")
    return [(each["name"], each["status"]) for each in json.loads(listed.stdout)]


def install(cluster: ApiServer, *more: str) -> subprocess.CompletedProcess[str]:
    return run(cluster, "upgrade", "--install", RELEASE, str(CHART), *options(*IMAGES), *more)


def left(cluster: ApiServer) -> list[str]:
    """Objects of the release, by kind and name."""
    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"
    )
    selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
    return cluster.kubectl("get", kinds, selector, "--output=name").split()


def test_a_first_install_that_fails_stays_and_the_next_try_goes_on_from_it(
    lived: ApiServer,
) -> None:
    assert install(lived, *NEVER_READY).returncode != 0

    assert releases(lived) == [(RELEASE, "failed")]
    assert f"deployment.apps/{RELEASE}" in left(lived)
    assert install(lived).returncode == 0


def test_an_atomic_install_that_fails_leaves_nothing_but_the_definition(lived: ApiServer) -> None:
    assert install(lived, *NEVER_READY, "--atomic").returncode != 0

    assert left(lived) == []
    assert releases(lived) == []
    assert "llmdeployments" in lived.kubectl("get", "customresourcedefinitions", "--output=name")


def test_what_users_made_outlives_upgrade_rollback_and_uninstall(lived: ApiServer) -> None:
    assert install(lived).returncode == 0
    lived.kubectl("wait", "--for=condition=Established", "crd/llmdeployments.llmstack.dev")
    lived.kubectl("apply", "--filename=-", stdin=json.dumps(OWN))

    assert install(lived, "--set=logLevel=debug").returncode == 0
    assert run(lived, "rollback", RELEASE, "1").returncode == 0
    deployment = lived.kubectl("get", "deployment", RELEASE, "--output=json")
    told = json.loads(deployment)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "LLMSTACK_LOG_LEVEL", "value": "info"} in told

    assert run(lived, "uninstall", RELEASE).returncode == 0
    assert left(lived) == []
    assert lived.kubectl("get", "llmdeployments", "--output=name").split() == [
        "llmdeployment.llmstack.dev/own"
    ]
