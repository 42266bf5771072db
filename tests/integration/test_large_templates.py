"""Is a pod template recorded whatever the schema lets a spec hold?

On the real API server, whose limits count: 256 KiB for annotations, 1 MiB for a ConfigMap.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from llmstack.api.resource import API_VERSION, KIND
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import SOURCE, Namespace
from tests.integration.inprocess import passes

_numbers = count()
Object = dict[str, Any]


@pytest.fixture
def space(crd: ApiServer) -> Iterator[Namespace]:
    name = f"large-{next(_numbers)}"
    crd.kubectl("create", "namespace", name)
    yield Namespace(crd, name)


def letters(_: int) -> str:
    return "x" * 4096


def noise(number: int) -> str:
    blocks = (hashlib.sha512(f"{number} {part}".encode()).digest() for part in range(48))
    return base64.b64encode(b"".join(blocks)).decode()[:4096]


def pod(value: Callable[[int], str]) -> Object:
    """All that `spec.pod` may hold: 64 variables and 32 annotations of 4,096 characters each."""
    return {
        "env": [{"name": f"V{number}", "value": value(number)} for number in range(64)],
        "annotations": {f"example.com/a{number}": value(-number) for number in range(32)},
    }


@pytest.mark.parametrize(("value", "records"), [(letters, 0), (noise, 1)], ids=["alike", "noise"])
async def test_a_newer_operator_reloads_no_model_however_large_its_template(
    space: Namespace, value: Callable[[int], str], records: int
) -> None:
    apply(space, pod=pod(value))
    async with passes(space.server) as older:
        await older.run(space.name)
        await older.run(space.name)  # the second one tells in the status how the first one went
    before = workload(space)
    assert len(found(space)) == records
    async with passes(space.server, fetch_image="fetch:2", server_images={"cpu": "cpu:2"}) as newer:
        await newer.run(space.name)
        assert newer.writes == 0
        assert workload(space)["spec"] == before["spec"]
        apply(space, pod=pod(value), contextLength=512, lifecycle={"proveEdits": False})
        await newer.run(space.name)
    images = [item["image"] for item in workload(space)["spec"]["template"]["spec"]["containers"]]
    assert images == ["cpu:2"]
    assert len(found(space)) == records


async def test_a_pass_that_dies_between_record_and_deployment_loses_neither(
    space: Namespace,
) -> None:
    apply(space, pod=pod(noise))
    async with passes(space.server) as older:
        await older.run(space.name)
    apply(space, pod=pod(noise), contextLength=512, lifecycle={"proveEdits": False})
    async with passes(space.server) as newer:
        write = 1
        while await newer.die_at(write, space.name):
            assert {named(space)} <= {item["metadata"]["name"] for item in found(space)}
            write += 1
        await newer.run(space.name)
    assert [item["metadata"]["name"] for item in found(space)] == [named(space)]


def apply(space: Namespace, **spec: Any) -> None:
    """Server-side: kubectl's own record of what it applied would not fit into an annotation."""
    body = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "qwen"},
        "spec": {"model": {"source": SOURCE}, **spec},
    }
    space.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body))


def workload(space: Namespace) -> Object:
    got: Object = json.loads(space.kubectl("get", "deployment", "qwen", "-o", "json"))
    return got


def named(space: Namespace) -> str:
    """The ConfigMap that the Deployment names."""
    kept: str = workload(space)["metadata"]["annotations"]["llmstack.dev/template"]
    return kept.removeprefix("configmap:")


def found(space: Namespace) -> list[Object]:
    """The records in ConfigMaps."""
    items = json.loads(space.kubectl("get", "configmap", "-o", "json"))["items"]
    return [item for item in items if "-template-" in item["metadata"]["name"]]
