"""What has vanished while a watch was cut, and may passes begin?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from llmstack.api.key import Key
from llmstack.controller.lists import Lists, scopes
from llmstack.controller.names import NameIndex
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store
from llmstack.controller.watched import WATCHED
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LLM_DEPLOYMENT, NODE, POD, Kind
from llmstack.kube.listing import Listing
from tests.unit.controller.objects import model, thing


class Scene:
    """An operator that watches, with lists as the test has them; empty ones at version 5."""

    def __init__(self) -> None:
        self.asked: list[Key] = []
        self.sight = Sight(Store(), NameIndex(), lambda key, *_, **__: self.asked.append(key))
        self.answers: dict[str, Listing | ApiError] = {}
        self.listed: list[tuple[str, str]] = []
        self.renewed = 0
        self.lists = Lists(self.sight, (), self._list, self._renew)

    async def _list(self, path: str, labels: str) -> Listing:
        self.listed.append((path, labels))
        answer = self.answers.get(path, Listing(5, {}))
        if isinstance(answer, ApiError):
            del self.answers[path]
            raise answer
        return answer

    def _renew(self) -> None:
        self.renewed += 1

    def kopf(self, *kinds: Kind) -> None:
        """kopf lists, and then watches."""
        for kind in kinds:
            self.lists.requested(kind.path(), False)
            self.lists.requested(kind.path(), True)


@contextmanager
def running(scene: Scene) -> Iterator[None]:
    task = asyncio.get_running_loop().create_task(scene.lists.run())
    try:
        yield
    finally:
        task.cancel()


async def until(scene: Scene, lists: int) -> None:
    async with asyncio.timeout(10):
        while len(scene.listed) < lists:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)


async def test_passes_may_begin_when_all_of_the_first_lists_was_told() -> None:
    scene = Scene()
    scene.answers[POD.path()] = Listing(5, {"a-1": ("team", "a-1")})
    with running(scene):
        scene.kopf(*WATCHED)
        await until(scene, len(WATCHED))
        assert not scene.lists.complete.is_set(), "a pod was listed and not told yet"
        scene.sight.note(POD, thing(version=4))
        async with asyncio.timeout(10):
            await scene.lists.complete.wait()


async def test_one_kind_that_is_not_watched_yet_is_enough_to_wait_for() -> None:
    scene = Scene()
    with running(scene):
        scene.kopf(*WATCHED[1:])
        await until(scene, len(WATCHED) - 1)
        assert not scene.lists.complete.is_set()


async def test_what_a_new_list_does_not_have_is_gone_and_its_owner_is_looked_at() -> None:
    scene = Scene()
    scene.sight.note(POD, thing(version=3))
    scene.asked.clear()
    with running(scene):
        scene.kopf(POD)
        await until(scene, 1)
    assert scene.asked == [Key("team", "a")]
    assert scene.sight.store.all(POD, "team") == []


async def test_a_deployment_that_vanished_is_looked_at_so_that_it_is_forgotten() -> None:
    scene = Scene()
    scene.sight.note(LLM_DEPLOYMENT, model("a", 3))
    scene.asked.clear()
    with running(scene):
        scene.kopf(LLM_DEPLOYMENT)
        await until(scene, 1)
    assert scene.asked == [Key("team", "a")]


async def test_a_watch_that_goes_on_where_it_ended_needs_no_list() -> None:
    scene = Scene()
    with running(scene):
        scene.lists.requested(POD.path(), True)
        scene.kopf(NODE)
        await until(scene, 1)
    assert scene.listed == [(NODE.path(), "")]


async def test_a_list_that_fails_is_tried_again() -> None:
    scene = Scene()
    scene.answers[POD.path()] = ApiError(0, "Timeout", "no answer")
    with running(scene):
        scene.kopf(POD)
        await until(scene, 2)
    assert {path for path, _ in scene.listed} == {POD.path()}


async def test_a_cluster_that_was_set_back_is_looked_at_with_new_eyes() -> None:
    scene = Scene()
    scene.sight.note(POD, thing(version=9))
    with running(scene):
        scene.kopf(POD)
        await until(scene, 1)
    assert scene.renewed == 1


def test_in_named_namespaces_each_is_a_scope_of_its_own() -> None:
    found = scopes(("one", "two"))
    assert found["/api/v1/namespaces/one/pods"] == (POD, "one")
    assert found["/api/v1/nodes"] == (NODE, None)
    assert len(found) == 2 * (len(WATCHED) - 2) + 2
