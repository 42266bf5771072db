"""Who owns `replicas`: at no moment does the number differ from what it should be.

Every value that `spec.replicas` takes on is seen by a watch of the real API server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace, watched_replicas
from tests.integration.inprocess import passes

_numbers = count()


@pytest.fixture
def space(crd: ApiServer) -> Iterator[Namespace]:
    name = f"replicas-{next(_numbers)}"
    crd.kubectl("create", "namespace", name)
    yield Namespace(crd, name)


def owners(space: Namespace, name: str = "qwen") -> set[str]:
    text = space.kubectl("get", "deployment", name, "-o", "json", "--show-managed-fields")
    fields = json.loads(text)["metadata"]["managedFields"]
    return {f["manager"] for f in fields if "f:replicas" in f["fieldsV1"].get("f:spec", {})}


def scale(space: Namespace, number: int) -> None:
    """As an autoscaler does it."""
    space.kubectl("scale", "deployment", "qwen", f"--replicas={number}")


AUTOSCALING = {"minReplicas": 1, "maxReplicas": 8}
FROM_ZERO = {"minReplicas": 0, "maxReplicas": 4}
FROM_FOUR = {"minReplicas": 4, "maxReplicas": 8}
UP_TO_TWO = {"minReplicas": 1, "maxReplicas": 2}
CREATED = [
    ("nothing said: one", {}, 1),
    ("three", {"replicas": 3}, 3),
    ("none", {"replicas": 0}, 0),
    ("autoscaling from two", {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}}, 2),
    (
        "autoscaling from none begins with one",
        {"autoscaling": FROM_ZERO},
        1,
    ),
]


@pytest.mark.parametrize(("sentence", "spec", "number"), CREATED, ids=[row[0] for row in CREATED])
async def test_created_with_its_number(
    space: Namespace, sentence: str, spec: dict[str, object], number: int
) -> None:
    space.apply(**spec)
    with watched_replicas(space.server, space.name) as seen:
        async with passes(space.server) as operator:
            await operator.run(space.name)
            await operator.run(space.name)  # the status: by now there is a Deployment
            await operator.run(space.name)
            assert operator.writes == 0, "the third pass finds nothing to do"
    assert set(seen) == {number}
    assert owners(space) == {"llmstack"}


async def test_a_pass_that_dies_between_any_two_steps_is_finished_by_the_next(
    space: Namespace,
) -> None:
    died = []
    async with passes(space.server) as operator:
        with watched_replicas(space.server, space.name) as seen:
            for write in count(1):
                name = f"qwen-{write}"
                space.apply(name, replicas=3)
                died.append(await operator.die_at(write, space.name, name))
                await operator.run(space.name, name)
                if not died[-1]:
                    break
    # Service account, Secret, Service, PodDisruptionBudget, Deployment, status: each may be last.
    assert len(died) > 6
    assert set(seen) == {3}


async def test_an_edit_that_dies_anywhere_keeps_the_number(space: Namespace) -> None:
    space.apply(replicas=3)
    async with passes(space.server) as operator:
        await operator.run(space.name)
        with watched_replicas(space.server, space.name) as seen:
            for write in count(1):
                space.apply(replicas=3, pod={"labels": {"edit": str(write)}})
                dead = await operator.die_at(write, space.name)
                await operator.run(space.name)
                if not dead:
                    break
    assert write > 2, "the number, the Deployment, and the status"
    assert owners(space) == {"llmstack-replicas"}
    assert set(seen) == {3}


CHANGES = [
    ("autoscaling on", {"replicas": 3}, {"autoscaling": AUTOSCALING}, {3}),
    ("autoscaling off", {"autoscaling": AUTOSCALING}, {}, {3}),
    ("replicas no longer said", {"replicas": 3}, {}, {3}),
    ("autoscaling off, five said", {"autoscaling": AUTOSCALING}, {"replicas": 5}, {3, 5}),
    (
        "bounds above are the autoscaler's",
        {"autoscaling": AUTOSCALING},
        {"autoscaling": FROM_FOUR},
        {3},
    ),
    (
        "and so are bounds below",
        {"autoscaling": AUTOSCALING},
        {"autoscaling": UP_TO_TWO},
        {3},
    ),
    ("stopped", {"replicas": 3}, {"replicas": 0}, {3, 0}),
    ("changed", {"replicas": 3}, {"replicas": 2}, {3, 2}),
]


@pytest.mark.parametrize(
    ("sentence", "before", "after", "values"), CHANGES, ids=[row[0] for row in CHANGES]
)
async def test_from_three_running_replicas(
    space: Namespace,
    sentence: str,
    before: dict[str, object],
    after: dict[str, object],
    values: set[int],
) -> None:
    async with passes(space.server) as operator:
        space.apply(**before)
        await operator.run(space.name)
        scale(space, 3)
        await operator.run(space.name)
        with watched_replicas(space.server, space.name) as seen:
            space.apply(**after)
            space.kubectl("annotate", "deployment", "qwen", "seen=yes")
            for _ in range(3):
                await operator.run(space.name)
    assert set(seen) == values
    assert seen[-1] == sorted(values - {3} or {3})[0]


async def test_an_autoscaler_that_scales_in_the_middle_wins(space: Namespace) -> None:
    space.apply(autoscaling=AUTOSCALING)
    async with passes(space.server) as operator:
        for write in count(1):
            dead = await operator.die_at(write, space.name)
            if space.get("deployment", "qwen"):
                scale(space, 5)
            await operator.run(space.name)
            if not dead:
                break
            replicas = space.need("deployment", "qwen")["spec"]["replicas"]
            assert replicas in (1, 5)
    assert space.need("deployment", "qwen")["spec"]["replicas"] == 5


async def test_a_number_that_somebody_else_set_on_a_fixed_deployment_is_set_back(
    space: Namespace,
) -> None:
    space.apply(replicas=2)
    async with passes(space.server) as operator:
        await operator.run(space.name)
        scale(space, 7)
        await operator.run(space.name)
    assert space.need("deployment", "qwen")["spec"]["replicas"] == 2
