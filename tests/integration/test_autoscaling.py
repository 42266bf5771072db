"""What does the operator do about replicas that follow their load? On a real API server.

The load is told as the gateway writes it (`scaling.load_page`); the clock is the test's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.observed import Demand
from llmstack.routing.load import Load, ReplicaLoad, ReplicaState
from llmstack.scaling import gateway_load as scaling
from llmstack.scaling.load_page import load_page, parse_load
from llmstack.scaling.zero import Activity
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.inprocess import Passes, passes

_numbers = count()
IDLE = 60
SLEEPY = {"minReplicas": 0, "maxReplicas": 4, "scaleToZeroAfterSeconds": IDLE}
UP = ReplicaLoad("qwen-0", ReplicaState.READY, 4, busy=0, draining=0, foreign=0, overlap=0)


@pytest.fixture
def space(crd: ApiServer) -> Iterator[Namespace]:
    name = f"autoscaling-{next(_numbers)}"
    crd.kubectl("create", "namespace", name)
    yield Namespace(crd, name)


class Told:
    """What the gateway tells of `qwen`, line by line, and when."""

    def __init__(self, space: Namespace) -> None:
        self.now = 0.0
        self._key = Key(space.name, "qwen")
        self._activity = Activity(stale_seconds=10)

    def line(self, *replicas: ReplicaLoad, epoch: str = "e1", **load: int) -> None:
        model = Load(replicas=replicas, **load)
        line = load_page(epoch, {str(self._key): model}, {str(self._key): 4})
        self._activity.see(parse_load(line), self.now)

    def quiet_for(self, seconds: float, epoch: str = "e1") -> None:
        """One replica, and nobody who asks: a line at least every other second."""
        until = self.now + seconds
        while self.now < until:
            self.line(UP, epoch=epoch)
            self.now = min(until, self.now + 2)
        self.line(UP, epoch=epoch)

    def demand(self, key: Key) -> Demand:
        assert key == self._key
        return self._activity.demand(key, self.now)


def replicas(space: Namespace) -> int:
    return int(space.need("deployment", "qwen")["spec"]["replicas"])


def say_ready(space: Namespace, number: int) -> None:
    """As the Deployment's controller does once its pods are ready."""
    generation = space.need("deployment", "qwen")["metadata"]["generation"]
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {"observedGeneration": generation} | dict.fromkeys(counts, number)
    body = json.dumps({"status": status})
    space.kubectl("patch", "deployment", "qwen", "--subresource=status", "--type=merge", "-p", body)


async def started(space: Namespace, operator: Passes, **spec: Any) -> None:
    """Created with one replica, which is ready."""
    space.apply(slots=4, autoscaling=SLEEPY, **spec)
    await operator.run(space.name)
    say_ready(space, 1)


async def asleep(space: Namespace, operator: Passes, told: Told) -> None:
    """Started, and put to sleep."""
    await started(space, operator)
    told.quiet_for(IDLE + 2)
    await operator.run(space.name)
    assert replicas(space) == 0


async def test_the_autoscaler_is_made_kept_right_and_removed(space: Namespace) -> None:
    async with passes(space.server) as operator:
        space.apply(autoscaling={"minReplicas": 2, "maxReplicas": 5, "targetSlotUtilization": 75})
        await operator.run(space.name)
        made = space.need("hpa", "qwen")["spec"]
        (metric,) = made["metrics"]
        assert (made["minReplicas"], made["maxReplicas"]) == (2, 5)
        assert metric["object"]["target"] == {"type": "AverageValue", "averageValue": "750m"}
        assert metric["object"]["describedObject"]["kind"] == "LLMDeployment"
        assert made["scaleTargetRef"]["name"] == "qwen"
        await operator.run(space.name)
        await operator.run(space.name)
        assert operator.writes == 0, "the API server's defaults are no drift"

        space.kubectl("patch", "hpa", "qwen", "--type=merge", "-p", '{"spec":{"maxReplicas":99}}')
        await operator.run(space.name)
        assert space.need("hpa", "qwen")["spec"] == made

        space.kubectl("scale", "deployment", "qwen", "--replicas=3")
        space.kubectl("patch", "llmd", "qwen", "--type=json", "-p", REMOVE)
        await operator.run(space.name)
        assert space.get("hpa", "qwen") is None
        assert replicas(space) == 3


REMOVE = '[{"op": "remove", "path": "/spec/autoscaling"}]'


async def test_a_behaviour_of_the_users_own_replaces_ours_in_part(space: Namespace) -> None:
    down = {"stabilizationWindowSeconds": 30, "selectPolicy": "Min"}
    async with passes(space.server) as operator:
        space.apply(autoscaling={"maxReplicas": 5, "behavior": {"scaleDown": down}})
        await operator.run(space.name)
    behavior = space.need("hpa", "qwen")["spec"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 30
    assert behavior["scaleDown"]["selectPolicy"] == "Min"
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0


async def test_it_sleeps_after_the_idle_time_and_not_before(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await started(space, operator)
        told.quiet_for(IDLE - 2)
        await operator.run(space.name)
        assert replicas(space) == 1
        told.quiet_for(4)
        await operator.run(space.name)
    assert replicas(space) == 0


async def test_the_first_request_wakes_it(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await asleep(space, operator, told)
        told.line()
        await operator.run(space.name)
        assert replicas(space) == 0, "nobody asked"
        told.line(waiting=1, waiting_slots=1, requests=1)
        await operator.run(space.name)
    assert replicas(space) == 1


async def test_a_request_that_was_refused_at_once_wakes_it_too(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await asleep(space, operator, told)
        told.line(requests=5)
        told.line(requests=6)
        await operator.run(space.name)
    assert replicas(space) == 1


async def test_what_is_not_known_puts_nothing_to_sleep(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await started(space, operator)
        told.quiet_for(IDLE - 2)
        told.now += 10  # the gateway says nothing
        await operator.run(space.name)
        assert replicas(space) == 1
        told.quiet_for(IDLE - 2)
        await operator.run(space.name)
    assert replicas(space) == 1, "the silence began the idle time anew"


async def test_a_gateway_that_begins_anew_begins_the_idle_time_anew(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await started(space, operator)
        told.quiet_for(IDLE - 2)
        told.quiet_for(IDLE - 2, epoch="e2")
        await operator.run(space.name)
    assert replicas(space) == 1


async def test_a_gateway_that_begins_anew_wakes_nothing(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await asleep(space, operator, told)
        told.line(requests=3, epoch="e2")
        told.line(requests=3, epoch="e2")
        await operator.run(space.name)
    assert replicas(space) == 0


async def test_one_that_is_not_ready_is_not_put_to_sleep(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        space.apply(slots=4, autoscaling=SLEEPY)
        await operator.run(space.name)
        told.quiet_for(IDLE + 2)
        await operator.run(space.name)
    assert replicas(space) == 1


async def test_more_than_one_replica_is_the_autoscalers_business(space: Namespace) -> None:
    told = Told(space)
    async with passes(space.server, told.demand) as operator:
        await started(space, operator)
        space.kubectl("scale", "deployment", "qwen", "--replicas=3")
        say_ready(space, 3)
        told.quiet_for(IDLE + 2)
        await operator.run(space.name)
    assert replicas(space) == 3


BUSY = {"qwen-a": 3, "qwen-b": 0, "qwen-c": 1}
"""Slots in use: one replica would do for all of them."""


def make_pod(space: Namespace, name: str) -> None:
    labels = {
        "app.kubernetes.io/managed-by": "llmstack",
        "app.kubernetes.io/component": "llama-server",
        "llmstack.dev/deployment": "qwen",
    }
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"serviceAccountName": "qwen", "containers": [{"name": "c", "image": "none"}]},
    }
    space.kubectl("apply", "-f", "-", stdin=json.dumps(body))


async def test_the_replica_with_the_fewest_slots_in_use_costs_least(space: Namespace) -> None:
    replicas = tuple(scaling.PodLoad(name, "ready", 8, busy) for name, busy in BUSY.items())
    loads = [scaling.ModelLoad(replicas, slots_per_replica=8)]
    async with passes(space.server, load=lambda _: loads[-1]) as operator:
        space.apply(slots=8, autoscaling={"minReplicas": 1, "maxReplicas": 4})
        await operator.run(space.name)
        for name in BUSY:
            make_pod(space, name)
        space.kubectl("scale", "deployment", "qwen", "--replicas=3")
        await operator.run(space.name)
        assert costs(space) == {"qwen-a": "2", "qwen-b": None, "qwen-c": "1"}, "0 needs no words"

        changed = (scaling.PodLoad("qwen-a", "ready", 8, 0), *replicas[1:])
        loads.append(scaling.ModelLoad(changed, slots_per_replica=8))
        await operator.run(space.name)
        assert costs(space)["qwen-a"] == "2", "not twice within a minute"


def costs(space: Namespace) -> dict[str, str | None]:
    annotation = "controller.kubernetes.io/pod-deletion-cost"
    pods = (space.need("pod", name)["metadata"] for name in BUSY)
    return {pod["name"]: pod.get("annotations", {}).get(annotation) for pod in pods}
