"""What is left of the metrics API when the release goes under load? Nothing."""

from __future__ import annotations

import time

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import Release
from tests.e2e.stack.stack import Stack

from .models import metrics_apis, replicas_for
from .streams import crowd, text_of
from .watching import replicas_of


def test_uninstalled_under_load_it_leaves_replicas_and_no_metrics_api(
    stack: Stack, model: str, release: Release, stack_images: StackImages
) -> None:
    """An API that is listed and not served would keep every namespace from being deleted."""
    with replicas_of(stack, model) as replicas, crowd(stack, model, text_of(150)) as streams:
        streams.want(4)
        replicas.wait_for(replicas_for(4))
        streams.want(0)
        gone = time.monotonic()
        release.uninstall()
        try:
            wait_until(lambda: not metrics_apis(stack), "the APIServices to go", 60)
            stack.kubectl("create", "namespace", "passing")
            stack.kubectl("delete", "namespace", "passing", "--timeout=60s")
            without = replicas.since(gone)
        finally:
            release.install(stack_images)
        streams.wait_for_end()
        stack.wait(model, "Autoscaling")

    assert not streams.failures()
    assert set(without) <= {str(replicas_for(4))}
