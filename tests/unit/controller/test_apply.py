"""What is written when the cluster rewrites what the operator applies?"""

from __future__ import annotations

import asyncio
from typing import Any

from llmstack.controller.apply import Applier
from llmstack.controller.contested import AGAIN_SECONDS
from llmstack.controller.writer import AlreadyThere
from llmstack.desired import Context, build
from llmstack.kube.errors import ApiError
from llmstack.observed import Observed
from tests.unit.desired.samples import deployment

CONTEXT = Context(server_images={"cpu": "cpu:1"}, fetch_image="fetch:1", server_key="key")


class Webhook:
    """A cluster that changes each Service as it is written."""

    def __init__(self) -> None:
        self.applied = 0

    async def apply(self, body: dict[str, Any], manager: str, **_: Any) -> dict[str, Any]:
        self.applied += 1
        return rewritten(body)


def rewritten(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "spec": {**body["spec"], "selector": {"app": "other"}}}


async def test_a_webhook_that_rewrites_an_object_makes_no_endless_loop() -> None:
    owner = deployment()
    service = next(item for item in build(owner, CONTEXT) if item["kind"] == "Service")
    live = Observed(children={("Service", service["metadata"]["name"]): rewritten(service)})
    cluster = Webhook()
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]

    first, *others = [await applier.bring_about(owner, [service], live) for _ in range(5)]

    assert cluster.applied == 1
    assert first.again is None
    assert {outcome.again for outcome in others} == {AGAIN_SECONDS}
    assert not any(outcome.failures for outcome in (first, *others))
    words = "spec.selector.app.kubernetes.io/component is gone instead of llama-server"
    for outcome in (first, *others):
        assert outcome.rewritten == {f"Service {service['metadata']['name']}": words}


async def test_once_the_webhook_is_gone_nothing_is_said_any_more() -> None:
    owner = deployment()
    service = next(item for item in build(owner, CONTEXT) if item["kind"] == "Service")
    place = ("Service", service["metadata"]["name"])
    applier = Applier(Webhook(), lambda: 0.0)  # type: ignore[arg-type]
    await applier.bring_about(owner, [service], Observed(children={place: rewritten(service)}))

    later = await applier.bring_about(owner, [service], Observed(children={place: service}))

    assert (later.again, later.rewritten) == (None, {})


class Slow:
    """A cluster without objects, that answers only when it is told to."""

    def __init__(self, expected: int = 0) -> None:
        self.expected = expected
        self.asked: list[str] = []
        self.all_asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def create_by_apply(self, body: dict[str, Any], _manager: str) -> dict[str, Any]:
        self.asked.append(body["kind"])
        if len(self.asked) == self.expected:
            self.all_asked.set()
        await self.answers.wait()
        metadata = {**body["metadata"], "resourceVersion": "1"}
        return {**body, "metadata": metadata}

    async def apply(self, body: dict[str, Any], _manager: str, **_: Any) -> dict[str, Any]:
        return await self.create_by_apply(body, _manager)


async def test_what_the_deployment_needs_is_written_at_once_and_before_it() -> None:
    owner = deployment(autoscaling={"maxReplicas": 4})
    desired = build(owner, CONTEXT)
    kinds = [item["kind"] for item in desired]
    needed = kinds[: kinds.index("Deployment")]
    cluster = Slow(len(needed))
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]
    work = asyncio.create_task(applier.bring_about(owner, desired, Observed()))
    async with asyncio.timeout(10):
        await cluster.all_asked.wait()
    assert sorted(cluster.asked) == sorted(needed)
    cluster.answers.set()
    outcome = await work
    assert not outcome.failures
    assert list(dict.fromkeys(cluster.asked[len(needed) :])) == [
        "Deployment",
        "HorizontalPodAutoscaler",
    ]


class Refusing(Slow):
    """A cluster that takes no Service."""

    def __init__(self) -> None:
        super().__init__()
        self.answers.set()

    async def create_by_apply(self, body: dict[str, Any], manager: str) -> dict[str, Any]:
        if body["kind"] == "Service":
            raise ApiError(403, "Forbidden", f"no {body['metadata']['name']} here")
        return await super().create_by_apply(body, manager)


class Occupied(Slow):
    """A cluster in which somebody else has a Service of the name, until it is deleted."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.answers.set()
        self.strange: dict[str, Any] | None = {"kind": "Service", "metadata": {"name": name}}
        self.calls: list[str] = []

    async def create_by_apply(self, body: dict[str, Any], manager: str) -> dict[str, Any]:
        self.calls.append("create")
        if self.strange:
            raise AlreadyThere(409, "AlreadyExists", "it is there")
        return await super().create_by_apply(body, manager)

    async def get(self, *_: Any) -> dict[str, Any] | None:
        self.calls.append("get")
        return self.strange


async def test_a_name_that_stays_taken_costs_one_call_at_each_further_try() -> None:
    owner = deployment()
    service = next(item for item in build(owner, CONTEXT) if item["kind"] == "Service")
    cluster = Occupied(service["metadata"]["name"])
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]
    tries = [await applier.bring_about(owner, [service], Observed()) for _ in range(3)]
    assert cluster.calls == ["create", "get", "get", "get"]
    assert all(outcome.failures for outcome in tries)
    cluster.strange = None
    assert not (await applier.bring_about(owner, [service], Observed())).failures
    assert cluster.calls[4:] == ["get", "create"]


async def test_what_was_there_though_nobody_had_seen_it_is_not_called_unchanged() -> None:
    owner = deployment()
    service = next(item for item in build(owner, CONTEXT) if item["kind"] == "Service")
    cluster = Occupied(service["metadata"]["name"])
    cluster.strange = service
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]
    outcome = await applier.bring_about(owner, [service], Observed())
    assert cluster.calls == ["create", "get"]
    assert not outcome.failures and not outcome.nothing_to_write


async def test_what_is_refused_keeps_nothing_else_from_being_written() -> None:
    owner = deployment()
    cluster = Refusing()
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]
    outcome = await applier.bring_about(owner, build(owner, CONTEXT), Observed())
    assert [failure.name for failure in outcome.failures] == ["qwen-replicas"]
    assert outcome.retry and outcome.retry.message == "no qwen-replicas here"
    assert "Deployment" in cluster.asked
