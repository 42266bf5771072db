"""What is written when the cluster rewrites what the operator applies?"""

from __future__ import annotations

from typing import Any

from llmstack.controller.apply import Applier
from llmstack.controller.contested import AGAIN_SECONDS
from llmstack.desired import Context, build
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
