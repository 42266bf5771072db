"""How often is read what no watch tells: objects by name, and Events?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment, parse
from llmstack.controller.named import Named
from llmstack.controller.warnings import WarningReader, Warnings
from llmstack.kube.kinds import CLAIM, CONFIG_MAP, SECRET, Kind
from tests.unit.controller.objects import Object, model, thing

A, B = Key("team", "a"), Key("team", "b")
KEEP = 150.0


class Cluster:
    """Objects by name and Events, with a count of the calls, and a clock that the tests turn."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Kind, str], Object] = {}
        self.events: list[Object] = []
        self.calls = 0
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def get(self, kind: Kind, _namespace: str, name: str) -> Object | None:
        self.calls += 1
        return self.objects.get((kind, name))

    async def list(self, _kind: Kind, _namespace: str, fields: str = "") -> list[Object]:
        self.calls += 1
        assert fields == "type=Warning"
        return self.events


def deployment(uid: str = "u") -> LLMDeployment:
    return parse(model("a", uid=uid))


def child_of(uid: str, kind: Kind, name: str) -> Object:
    body = thing(kind, name)
    body["metadata"]["ownerReferences"] = [{"uid": uid}]
    return body


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def named(cluster: Cluster) -> Named:
    return Named(cluster, KEEP, cluster.clock)  # type: ignore[arg-type]


@pytest.fixture
def reader(cluster: Cluster) -> WarningReader:
    return WarningReader(cluster, cluster.clock)  # type: ignore[arg-type]


async def test_what_is_there_is_read_once_until_the_resync(cluster: Cluster, named: Named) -> None:
    cluster.objects[SECRET, "token"] = thing(SECRET, "token", data={"token": "c2VjcmV0"})
    for _ in range(5):
        assert await named.is_there(A, SECRET, "token")
        cluster.now += 20
    assert (cluster.calls, named.look_in(A)) == (1, None)
    cluster.now += KEEP
    del cluster.objects[SECRET, "token"]
    assert not await named.is_there(A, SECRET, "token")
    assert cluster.calls == 2


async def test_what_is_missing_is_looked_for_in_growing_pauses(
    cluster: Cluster, named: Named
) -> None:
    looks = []
    for second in range(300):
        before = cluster.calls
        assert not await named.is_there(A, SECRET, "token")
        if cluster.calls > before:
            looks.append(second)
        cluster.now += 1
    assert looks == [0, 20, 60, 140, 230]
    wait = named.look_in(A)
    assert wait is not None and 0 < wait <= 90


async def test_a_claim_is_looked_at_until_it_has_a_volume(cluster: Cluster, named: Named) -> None:
    cluster.objects[CLAIM, "models"] = thing(CLAIM, "models", status={"phase": "Pending"})
    assert await named.get(A, CLAIM, "models")
    cluster.now += 20
    cluster.objects[CLAIM, "models"] = thing(CLAIM, "models", status={"phase": "Bound"})
    found = await named.get(A, CLAIM, "models")
    assert found and found["status"] == {"phase": "Bound"}
    assert (cluster.calls, named.look_in(A)) == (2, None)


async def test_a_child_may_be_missing_and_is_not_waited_for(cluster: Cluster, named: Named) -> None:
    assert await named.child(deployment(), CONFIG_MAP, "a-ca") is None
    cluster.now += 60
    assert await named.child(deployment(), CONFIG_MAP, "a-ca") is None
    assert (cluster.calls, named.look_in(A)) == (1, None)


async def test_what_the_operator_wrote_is_known_and_what_it_deleted_is_read(
    cluster: Cluster, named: Named
) -> None:
    assert await named.child(deployment(), SECRET, "a-key") is None
    named.wrote(SECRET, child_of("u", SECRET, "a-key"))
    assert await named.child(deployment(), SECRET, "a-key")
    assert cluster.calls == 1
    named.removed(SECRET, "team", "a-key")
    assert await named.child(deployment(), SECRET, "a-key") is None
    assert cluster.calls == 2


async def test_a_child_of_an_earlier_deployment_of_that_name_is_read_until_it_is_gone(
    cluster: Cluster, named: Named
) -> None:
    cluster.objects[SECRET, "a-key"] = child_of("earlier", SECRET, "a-key")
    for _ in range(2):
        assert await named.child(deployment(), SECRET, "a-key")
    del cluster.objects[SECRET, "a-key"]
    for _ in range(2):
        assert await named.child(deployment(), SECRET, "a-key") is None
    assert cluster.calls == 3


async def test_what_is_no_longer_named_is_not_waited_for(cluster: Cluster, named: Named) -> None:
    await named.is_there(A, SECRET, "token")
    named.only(A, {(SECRET, "other")})
    assert named.look_in(A) is None


async def test_a_deployment_that_is_gone_leaves_nothing(cluster: Cluster, named: Named) -> None:
    await named.is_there(A, SECRET, "token")
    named.forget(A)
    assert named.look_in(A) is None


def warning(uid: str, message: str) -> Object:
    about = {"kind": "Pod", "uid": uid}
    event: dict[str, Any] = {"type": "Warning", "reason": "FailedMount", "involvedObject": about}
    return {**event, "message": message, "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}


async def test_events_are_read_only_while_something_is_stuck(
    cluster: Cluster, reader: WarningReader
) -> None:
    cluster.events = [warning("u", "no such volume")]
    looks = []
    for second in range(700):
        before = cluster.calls
        told = await reader.read(A, stuck=True)
        if cluster.calls > before:
            looks.append(second)
        cluster.now += 1
    assert looks == [5, 25, 65, 145, 305, 605]
    assert told.volumes == {"u": "no such volume"}
    assert await reader.read(A, stuck=False) == Warnings()
    assert reader.look_in(A) is None


async def test_one_list_serves_all_that_ask_meanwhile(
    cluster: Cluster, reader: WarningReader
) -> None:
    cluster.events = [warning("u", "no such volume")]
    for key in (A, B):
        await reader.read(key, stuck=True)
    cluster.now += 5
    for key in (A, B):
        assert (await reader.read(key, stuck=True)).volumes
    assert cluster.calls == 1
