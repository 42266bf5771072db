"""Does Argo CD show how a model is, and is the cluster as Git says, whatever happens?"""

from __future__ import annotations

import time

from tests.e2e.cluster.processes import wait_until
from tests.e2e.scaling.streams import crowd, text_of
from tests.e2e.scaling.watching import replicas_of
from tests.e2e.stack.stack import Stack

from .models import BUSY, SLEEPER, SPARE, STEADY, named, steady
from .scene import MODELS, Scene

NOWHERE = "http://sample-model.llm-stack.svc/nowhere.gguf"
HEALTHY = "Synced Healthy"


def test_a_model_is_progressing_until_it_answers(scene: Scene) -> None:
    scene.apps.wait(MODELS)
    # The history comes by a watch of its own, a moment later.
    wait_until(lambda: HEALTHY in scene.apps.since(0, MODELS), "the history to tell of it", 10)

    states = scene.apps.since(0, MODELS)

    assert states.index("Synced Progressing") < states.index(HEALTHY)
    scene.apps.wait_for_health(MODELS, STEADY, "Healthy", "Ready: 1 of 1 replica ready")
    assert scene.stack.ask(STEADY, "Say hello.")


def test_a_model_that_sleeps_is_healthy(scene: Scene) -> None:
    scene.stack.wait(SLEEPER, reason="ScaledToZero")
    scene.apps.look(MODELS)

    scene.apps.wait_for_health(MODELS, SLEEPER, "Healthy", "ScaledToZero: idle and scaled to zero")
    scene.apps.wait(MODELS)


def test_replicas_follow_the_load_and_git_stays_as_it_is(scene: Scene) -> None:
    stack = scene.stack
    stack.wait(BUSY, "Autoscaling")
    scene.apps.wait(MODELS)
    began = time.monotonic()

    with replicas_of(stack, BUSY) as replicas, crowd(stack, BUSY, text_of(120)) as streams:
        streams.want(2)
        replicas.wait_for(2)
        streams.wait_for_end()
    stack.wait_for(BUSY, lambda now: now["Ready"]["message"].startswith("2 of 2"), "two replicas")
    scene.apps.look(MODELS)

    scene.apps.wait(MODELS)
    assert not streams.failures()
    states = scene.apps.since(began, MODELS)
    assert "Synced Progressing" in states
    assert not [state for state in states if not state.startswith("Synced")]
    assert "replicas" not in stack.get("llmdeployment", BUSY)["spec"]


def test_what_a_hand_changed_is_as_in_git_again(scene: Scene) -> None:
    stack = scene.stack
    scene.apps.wait(MODELS)

    stack.kubectl("patch", "llmd", STEADY, "--type=merge", '--patch={"spec":{"slots":2}}')

    wait_until(lambda: slots(stack) == 1, "the slots that are in Git", 60)
    stack.wait(STEADY)
    scene.apps.wait(MODELS)


def slots(stack: Stack) -> int:
    found: int = stack.get("llmdeployment", STEADY)["spec"]["slots"]
    return found


def test_a_change_that_breaks_a_model_is_degraded_until_it_is_reverted(scene: Scene) -> None:
    stack, apps = scene.stack, scene.apps
    apps.wait(MODELS)

    scene.write(steady(stack, model={"source": NOWHERE}))
    broken = scene.push("Another model")

    apps.wait(MODELS, "Degraded", broken)
    told = stack.condition(STEADY, "Progressing")
    apps.wait_for_health(MODELS, STEADY, "Degraded", "^SourceNotFound: ")
    assert apps.health(MODELS, STEADY)[1] == f"SourceNotFound: {told['message']}"

    reverted = scene.revert(broken)

    apps.wait(MODELS, "Healthy", reverted)
    assert stack.ask(STEADY, "Say hello.")


def test_a_model_that_git_has_no_more_goes(scene: Scene) -> None:
    stack, apps = scene.stack, scene.apps
    path = scene.write(named(steady(stack), SPARE))
    apps.wait(MODELS, "Healthy", scene.push("One more model"))
    assert stack.pods(SPARE)

    scene.platform.remove(path)
    apps.wait(MODELS, "Healthy", scene.push("One less"))

    gone = ("get", "llmd,deployment,service,secret", "--output=name")
    wait_until(lambda: SPARE not in stack.kubectl(*gone), "all of it to be gone", 60)
    wait_until(lambda: not stack.pods(SPARE), "its pods to be gone", 60)
    assert stack.pods(STEADY)


def test_a_directory_of_models_is_an_application_for_as_long_as_it_is_there(scene: Scene) -> None:
    team, app = "team-b", "models-team-b"
    other = Stack(scene.cluster, team, scene.stack.model_url)
    stopped = steady(scene.stack, replicas=0)

    path = scene.write(stopped, team)
    scene.push("A model of another team, which does not run yet")

    scene.apps.wait(app)
    scene.apps.wait_for_health(app, STEADY, "Healthy", "Stopped: spec.replicas is 0")

    scene.platform.remove(path)
    scene.push("That team has no models")
    wait_until(lambda: not scene.apps.get(app), "its Application to be gone", 60)
    assert not other.items("llmdeployments")
