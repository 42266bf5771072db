"""What is written when the cluster changes back what the operator applies?"""

from __future__ import annotations

from typing import Any

from llmstack.controller.apply import Applier
from llmstack.controller.repairs import AGAIN_SECONDS, BURST
from llmstack.desired import Context, build
from llmstack.observed import Observed
from tests.unit.desired.samples import deployment

PASSES = 3 * BURST
CONTEXT = Context(server_images={"cpu": "cpu:1"}, fetch_image="fetch:1", server_key="key")


class Meddled:
    """A cluster with a webhook that changes each Service as it is written."""

    def __init__(self) -> None:
        self.applied = 0

    async def apply(self, body: dict[str, Any], manager: str, **_: Any) -> dict[str, Any]:
        self.applied += 1
        return meddled(body)


def meddled(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "spec": {**body["spec"], "selector": {"app": "other"}}}


async def test_a_webhook_that_changes_an_object_back_makes_no_endless_loop() -> None:
    owner = deployment()
    service = next(item for item in build(owner, CONTEXT) if item["kind"] == "Service")
    live = Observed(children={("Service", service["metadata"]["name"]): meddled(service)})
    cluster = Meddled()
    applier = Applier(cluster, lambda: 0.0)  # type: ignore[arg-type]

    outcomes = [await applier.bring_about(owner, [service], live) for _ in range(PASSES)]

    assert cluster.applied == BURST
    assert (outcomes[0].again, outcomes[-1].again) == (None, AGAIN_SECONDS)
    assert not any(outcome.failures for outcome in outcomes)
