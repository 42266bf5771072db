"""Does nothing get lost or doubled among many deployments, whatever ends or goes away?

A hundred LLMDeployments on nodes that kwok plays; bench/many measures how long it takes.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.many.burst import (
    DEPLOYMENTS,
    LLMDEPLOYMENTS,
    Key,
    Seen,
    deployment,
    keys,
    post,
    watching,
)
from bench.many.world import World, world
from llmstack.desired.metadata import DEPLOYMENT_LABEL, MANAGED_BY_LABEL, MANAGER

pytestmark = pytest.mark.soak

COUNT = int(os.environ.get("LLMSTACK_MANY", "100"))
AWAY_SECONDS = 300.0
PATIENCE = 900.0
CHILDREN = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "serviceaccounts": "/api/v1",
    "secrets": "/api/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
}

Object = dict[str, Any]


@pytest.fixture
def here() -> Iterator[World]:
    with world() as found:
        yield found


def operator_killed(here: World) -> None:
    """SIGKILL, and another process once the Lease has run out."""
    here.operator.send(signal.SIGKILL)
    here.installation.start("second").wait_until("leading", 120)


def operator_stopped(here: World) -> None:
    """As the kubelet stops it, with another one that stands by."""
    second = here.installation.start("second").wait_until("standing by", 120)
    here.operator.send(signal.SIGTERM)
    second.wait_until("leading", 120)


def operator_frozen(here: World) -> None:
    """It stands still for longer than its Lease lasts, and goes on while another one leads."""
    here.operator.send(signal.SIGSTOP)
    second = here.installation.start("second").wait_until("leading", 120)
    here.operator.send(signal.SIGCONT)
    assert here.operator.wait(60) != 0
    second.wait_until("leading", 120)


def api_server_away(here: World) -> None:
    """For five minutes nobody answers; the operator ends, and is started as a kubelet does it."""
    with here.server.away():
        assert here.operator.wait(60) != 0
        time.sleep(AWAY_SECONDS)
    here.installation.start_again(here.operator, "again").wait_until("leading", 120)


FAULTS = [operator_killed, operator_stopped, operator_frozen, api_server_away]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.__name__ for fault in FAULTS])
def test_nothing_is_lost_or_doubled(
    here: World, fault: Callable[[World], None], record_property: Callable[[str, object], None]
) -> None:
    wanted = keys(COUNT)
    with watching(here.api, DEPLOYMENTS) as made:
        post(here.api, [deployment(key, autoscaled=False) for key in wanted])
        some(made, wanted)
    fault(here)
    with watching(here.api, f"{LLMDEPLOYMENTS}/llmdeployments") as told:
        assert told.wait(told.ready, wanted, PATIENCE) == 0
    found = children(here)
    record_property("deployments", COUNT)
    record_property("children", sum(found.values()))
    assert len(found) == COUNT
    assert set(found.values()) == {len(CHILDREN) + 1}, "two Services, one of each other kind"
    assert rewritten(here) == []


def some(made: Seen, wanted: list[Key]) -> None:
    """Waits until the burst is half done."""
    with made.changed:
        assert made.changed.wait_for(lambda: len(made.created) >= len(wanted) // 2, PATIENCE)


def children(here: World) -> Counter[tuple[str, str]]:
    """How many objects has each deployment, by namespace and name?"""
    query = {"labelSelector": f"{MANAGED_BY_LABEL}={MANAGER}"}
    found: Counter[tuple[str, str]] = Counter()
    for plural, group in CHILDREN.items():
        items = here.api.get(f"{group}/{plural}", params=query).raise_for_status().json()["items"]
        found.update(
            (item["metadata"]["namespace"], item["metadata"]["labels"][DEPLOYMENT_LABEL])
            for item in items
            if DEPLOYMENT_LABEL in item["metadata"]["labels"]
        )
    return found


def rewritten(here: World) -> list[str]:
    """Deployments whose spec was written twice: a second write would restart replicas."""
    items = here.api.get(DEPLOYMENTS).raise_for_status().json()["items"]
    return [item["metadata"]["name"] for item in items if item["metadata"]["generation"] != 1]
