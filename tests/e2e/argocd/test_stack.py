"""Does Argo CD run the stack itself from its chart in Git?"""

from __future__ import annotations

import json

import httpx

from llmstack.api.crd import NAME as CRD
from llmstack.api.crd_update import VERSION_ANNOTATION
from llmstack.version import VERSION
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.release import GATEWAY, NAMESPACE
from tests.e2e.stack.stack import Object

from .models import STEADY
from .scene import MODELS, Scene

HERE = f"--namespace={NAMESPACE}"
STACK, ROOT = "llm-stack", "root"
API = "v1beta2.custom.metrics.k8s.io"


def test_models_come_once_the_stack_is_healthy(scene: Scene) -> None:
    scene.apps.wait(MODELS)
    lines = [line for _, line in scene.apps.history.lines]
    models = next(number for number, line in enumerate(lines) if line.startswith(MODELS))

    assert f"{STACK} Synced Healthy" in lines[:models]


def test_all_is_in_sync_without_a_rule_of_what_to_ignore(scene: Scene) -> None:
    for name in (ROOT, STACK, MODELS):
        found = scene.apps.wait(name)
        assert "ignoreDifferences" not in found["spec"]
    settings = json.loads(
        scene.cluster.kubectl("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json")
    )
    assert not [key for key in settings["data"] if "ignoreDifferences" in key]


def test_what_the_stack_makes_itself_is_not_missed_in_git(scene: Scene) -> None:
    """The APIServices with their caBundle; the definition, by the chart's Job."""
    found = scene.apps.wait(STACK)
    listed = {(each["kind"], each["name"]) for each in found["status"]["resources"]}
    api = json.loads(scene.cluster.kubectl("get", "apiservice", API, "--output=json"))

    assert api["spec"]["caBundle"]
    assert definition(scene)["metadata"]["annotations"][VERSION_ANNOTATION] == VERSION
    assert ("Deployment", GATEWAY) in listed
    assert not listed & {("APIService", API), ("CustomResourceDefinition", CRD)}


def test_what_a_hand_changed_is_as_in_git_again(scene: Scene) -> None:
    def replicas() -> str:
        shown = "--output=jsonpath={.spec.replicas}"
        return scene.cluster.kubectl("get", "deployment", STACK, HERE, shown)

    scene.apps.wait(STACK)

    scene.cluster.kubectl("scale", "deployment", STACK, HERE, "--replicas=3")

    wait_until(lambda: replicas() == "2", "the replicas that are in Git", 60)
    scene.apps.wait(STACK)


def test_the_definition_stays_where_git_has_it_no_more(scene: Scene) -> None:
    """Without it all models of the cluster would be gone."""
    before = models(scene)
    tracked = f"{STACK}:apiextensions.k8s.io/CustomResourceDefinition:{NAMESPACE}/{CRD}"
    # As a sync of a chart without `skipCrds` leaves it.
    mark = f"argocd.argoproj.io/tracking-id={tracked}"
    scene.cluster.kubectl("annotate", "crd", CRD, mark)

    assert scene.apps.sync(STACK)[CRD] == "PruneSkipped"

    assert "deletionTimestamp" not in definition(scene)["metadata"]
    assert models(scene) == before
    scene.apps.wait(STACK)


def definition(scene: Scene) -> Object:
    found: Object = json.loads(scene.cluster.kubectl("get", "crd", CRD, "--output=json"))
    return found


def test_models_outlive_the_stack(scene: Scene) -> None:
    """Its Application is deleted with all that it made. Git has it still: a sync brings it back."""
    apps = scene.apps
    apps.wait(MODELS)
    apps.wait_for_rest(STACK)
    before, deleted = models(scene), operator(scene)
    cascade = {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}}
    there = ("application", STACK, "--namespace=argocd")
    scene.cluster.kubectl("patch", *there, "--type=merge", f"--patch={json.dumps(cascade)}")

    scene.cluster.kubectl("delete", *there, "--timeout=180s")

    assert models(scene) == before
    apps.sync(ROOT)
    apps.wait(STACK)
    assert operator(scene) != deleted
    apps.wait(MODELS)
    assert models(scene) == before
    wait_until(lambda: answers(scene), "the gateway's Service to lead to the new one", 30)
    assert scene.stack.ask(STEADY, "Say hello.")


def answers(scene: Scene) -> bool:
    """Is the gateway reached? A Service leads to a new pod a moment after that is ready."""
    try:
        with scene.stack.gateway() as client:
            return client.get("/v1/models").is_success
    except httpx.TransportError:
        return False


def operator(scene: Scene) -> str:
    """Which very Deployment is the operator's?"""
    return scene.cluster.kubectl(
        "get", "deployment", STACK, HERE, "--output=jsonpath={.metadata.uid}"
    )


def models(scene: Scene) -> dict[str, list[str]]:
    """Which models are there, and which pods has each that runs all the time?"""
    uids: dict[str, list[str]] = {
        each["metadata"]["uid"]: [] for each in scene.stack.items("llmdeployments")
    }
    pods = [pod["metadata"]["uid"] for pod in scene.stack.pods(STEADY)]
    return {**uids, STEADY: pods}
