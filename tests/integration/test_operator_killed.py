"""What if the operator dies in the middle of a pass? The next one finishes it, from any point.

Once exactly, in this process: a pass dies after each of its writes in turn, before it hears the
answer. And once for real: SIGKILL as soon as the audit log shows so many writes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.audit import AuditLog
from tests.integration.deployments import Namespace
from tests.integration.inprocess import passes
from tests.integration.operators import Installation, installed

SOAK = os.environ.get("LLMSTACK_SOAK") == "1"
KILLS = range(1, 10) if SOAK else (1, 4, 7)
"""A deployment with a shared cache is nine writes."""
SHARED = {"accessMode": "ReadWriteMany", "storageClassName": "shared"}


@pytest.fixture
def stack(crd: ApiServer, tmp_path: Path) -> Iterator[Installation]:
    with installed(crd, "killed", tmp_path) as installation:
        yield installation


def kinds(space: Namespace, name: str) -> set[str]:
    return {child.partition("/")[0] for child in space.children(name)}


ALL = {
    "Deployment",
    "Service",
    "ServiceAccount",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Secret",
}
GATEWAY = {"gateway_host": "gateway.llm-stack.svc", "gateway_pods": {"component": "gateway"}}


async def test_a_pass_that_dies_after_any_of_its_writes_is_finished_by_the_next(
    crd: ApiServer,
) -> None:
    crd.kubectl("create", "namespace", "dying")
    space = Namespace(crd, "dying")
    async with passes(crd, **GATEWAY) as operator:
        for write in count(1):
            name = f"qwen-{write}"
            space.apply(name, cache=SHARED)
            died = await operator.die_at(write, space.name, name)
            for _ in range(3):
                await operator.run(space.name, name)
            assert operator.writes == 0, "it comes to rest"
            assert kinds(space, name) == ALL
            assert space.settled(name)
            if not died:
                break
    assert write > 8


@pytest.mark.soak
def test_an_operator_that_is_killed_is_followed_by_one_that_finishes(stack: Installation) -> None:
    space = Namespace(stack.server, stack.namespace)
    for writes in KILLS:
        victim = stack.start(f"victim{writes}").wait_until("leading")
        log, name = AuditLog(stack.server.audit_log), f"qwen-{writes}"
        space.apply(name, cache=SHARED)
        wait_until(lambda log=log, n=writes: len(log.changes()) >= n, "so many writes", 30)
        victim.send(signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
        heir = stack.start(f"heir{writes}").wait_until("leading")
        space.wait_for_children(name)
        wait_until(lambda n=name: kinds(space, n) == ALL, "all children", 30)
        heir.send(signal.SIGTERM)
        assert heir.wait() == 0
