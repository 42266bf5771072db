"""Which functions does kopf call, and what do they do with what they are told?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any

import kopf
import pytest

from llmstack.api.key import Key
from llmstack.controller import handlers
from llmstack.controller.names import NameIndex
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store
from llmstack.controller.watch import Watching
from llmstack.controller.watched import CHILDREN, WATCH_SECONDS, WATCHED
from llmstack.kube import kinds
from llmstack.kube.kinds import Kind
from tests.unit.controller.objects import model, thing

HANDLERS: dict[Kind, Callable[..., Awaitable[None]]] = {
    kinds.LLM_DEPLOYMENT: handlers.llmdeployment,
    kinds.DEPLOYMENT: handlers.deployment,
    kinds.SERVICE: handlers.service,
    kinds.SERVICE_ACCOUNT: handlers.service_account,
    kinds.DISRUPTION_BUDGET: handlers.disruption_budget,
    kinds.NETWORK_POLICY: handlers.network_policy,
    kinds.AUTOSCALER: handlers.autoscaler,
    kinds.JOB: handlers.job,
    kinds.CLAIM: handlers.claim,
    kinds.POD: handlers.pod,
    kinds.NODE: handlers.node,
    kinds.STORAGE_CLASS: handlers.storage_class,
}


class Memo(Watching):
    """A memo that nobody watches through; `asked` is for whom a pass was asked."""

    def __init__(self) -> None:
        self.asked: list[Key] = []
        self.store = Store()
        self._sight = Sight(self.store, NameIndex(), lambda key, *_, **__: self.asked.append(key))


@pytest.fixture
def memo() -> Memo:
    made = Memo()
    made.store.note(kinds.LLM_DEPLOYMENT, model("a"))
    return made


def test_there_is_one_handler_for_each_kind_that_is_watched() -> None:
    assert set(HANDLERS) == set(WATCHED)


@pytest.mark.parametrize("kind", WATCHED, ids=[kind.plural for kind in WATCHED])
async def test_an_event_is_kept_and_its_deployment_looked_at(kind: Kind, memo: Memo) -> None:
    namespace = "team" if kind.namespaced else ""
    body = (
        model("a", 2, labels={})
        if kind == kinds.LLM_DEPLOYMENT
        else thing(kind, "x", 2, namespace=namespace, status={"allocatable": {}}, provisioner="p")
    )
    name = body["metadata"]["name"]
    for how in (None, "MODIFIED"):
        await HANDLERS[kind](event={"type": how, "object": body}, memo=copy(memo), retry=0)
    assert memo.store.get(kind, namespace, name) is not None
    assert memo.asked == [Key("team", "a")], "twice told, once asked"
    body["metadata"]["resourceVersion"] = "3"
    await HANDLERS[kind](event={"type": "DELETED", "object": body}, memo=memo)
    assert memo.store.get(kind, namespace, name) is None


async def test_startup_bounds_the_watches_and_asks_for_labels() -> None:
    settings = kopf.OperatorSettings()
    await handlers.begin(settings=settings)
    assert settings.watching.server_timeout == WATCH_SECONDS
    assert settings.scanning.disabled and not settings.posting.enabled
    labelled = settings.watching.label_selectors
    found = {(each.group, each.version, each.any_name) for each in labelled}
    assert found == {handlers.place(kind) for kind in CHILDREN}


def test_kopf_has_nothing_that_would_write(memo: Memo) -> None:
    """Only events are handled: no finalizer, no annotation, no retries (ADR 5)."""
    registry: Any = handlers.REGISTRY
    assert len(registry._watching.get_all_handlers()) == len(WATCHED)
    for others in (registry._changing, registry._spawning, registry._indexing):
        assert list(others.get_all_handlers()) == []
