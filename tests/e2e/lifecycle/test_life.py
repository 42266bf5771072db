"""From the previous version to this one and back, and away, and here again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.e2e.cluster.kubectl import KubectlFailed
from tests.e2e.cluster.processes import wait_until
from tests.e2e.gateway.clients import client
from tests.e2e.scaling.models import metric, metrics_apis
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.stack import Stack

from .life import MODEL, STREAM_SECONDS, STREAMS, Life

PAUSE = 0.5
"""Seconds between the short requests of each client."""
Record = Callable[[str, object], None]


@pytest.mark.needs_history
def test_no_step_cuts_a_stream_loses_a_request_or_restarts_a_replica(
    life: Life, record_property: Record
) -> None:
    stack = life.stack
    replicas = life.replicas()
    with client(stack, life.versions.current.operator, url(stack), workers=2, pause=PAUSE) as short:
        short.wait_for_more()
        steps = [life.across("upgrade", life.install)]
        this_version_works(life)
        steps.append(life.across("rollback", life.roll_back))
        the_previous_version_works(life)
        steps.append(life.across("upgrade again", life.install))
        this_version_works(life)
        short.wait_for_more()
        answers, failures = short.answers(), short.failures()
    steps.append(life.across("uninstall", life.uninstall))
    nothing_is_in_the_way(stack)
    assert stack.condition(MODEL)["status"] == "True"
    assert stack.chat(MODEL, "Say hello.")
    began = time.monotonic()
    life.install()
    record_property("helm install until all is ready (s)", round(time.monotonic() - began, 1))
    this_version_works(life)
    assert stack.ask(MODEL, "Say hello.")

    assert not failures
    for step in steps:
        assert not step.streams.failures(), step.name
        assert step.crossed() == STREAMS, step.name
        assert min(each.seconds for each in step.answers()) >= STREAM_SECONDS
        record_property(f"{step.name} (s)", round(step.seconds, 1))
    assert life.replicas() == replicas
    record_property("short requests", len(answers))


def url(stack: Stack) -> str:
    return str(stack.status(MODEL)["url"])


def this_version_works(life: Life) -> None:
    """Its CRD is there, new deployments get its images, autoscalers read its metrics."""
    reconciles(life, life.versions.current)
    field = {"maxReplicas": 1, "behavior": {"scaleUp": {"selectPolicy": "Max"}}}
    with_it = json.dumps(life.stack.sample("new", autoscaling=field))
    life.stack.kubectl("apply", "--dry-run=server", "--filename=-", stdin=with_it)
    wait_until(lambda: len(metrics_apis(life.stack)) == 2, "the APIServices", 60)
    wait_until(lambda: slots(life.stack) == "12", "the metrics to tell of all slots", 60)
    nothing_is_in_the_way(life.stack)


def slots(stack: Stack) -> str:
    """All slots of the model, as autoscalers read them; empty while the API is not served yet."""
    try:
        return metric(stack, MODEL, "slots_total")
    except KubectlFailed:
        return ""


def the_previous_version_works(life: Life) -> None:
    """New deployments get its images, and nothing is left that it would have to serve."""
    reconciles(life, life.versions.previous)
    nothing_is_in_the_way(life.stack)


def reconciles(life: Life, images: StackImages) -> None:
    """An operator of this version leads, and makes new deployments of its images."""
    stack = life.stack
    wait_until(lambda: life.leads(images.operator), f"{images.operator} to lead", 60)
    stack.apply(stack.sample("new", replicas=0))
    stack.wait("new", "Ready", "True", "Stopped")
    pod = stack.get("deployment", "new")["spec"]["template"]["spec"]
    stack.delete("new")
    used = {each["image"] for each in (*pod["initContainers"], *pod["containers"])}
    assert used == {images.operator, images.llama_server}


def nothing_is_in_the_way(stack: Stack) -> None:
    """A namespace goes: an API that is listed and not served would keep it."""
    stack.kubectl("create", "namespace", "passing")
    stack.kubectl("delete", "namespace", "passing", "--timeout=60s")
