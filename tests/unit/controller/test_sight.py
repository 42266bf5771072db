"""Which news does somebody wait for?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.names import NameIndex
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store
from llmstack.kube.kinds import DEPLOYMENT, LLM_DEPLOYMENT, NODE, Kind
from tests.unit.controller.objects import model, thing

Object = dict[str, Any]


def wish(generation: int, answered: int | None = None) -> Object:
    status = {} if answered is None else {"observedGeneration": answered}
    return {**model(generation=generation), "status": status}


@pytest.mark.parametrize(
    ("sentence", "kind", "body", "urgent"),
    [
        ("created, also while no operator ran", LLM_DEPLOYMENT, wish(1), True),
        ("edited", LLM_DEPLOYMENT, wish(3, answered=2), True),
        ("answered: the first list, or a status of ours", LLM_DEPLOYMENT, wish(3, 3), False),
        ("a child changed, mostly by the operator itself", DEPLOYMENT, thing(DEPLOYMENT), False),
    ],
)
def test_only_a_wish_that_is_not_answered_is_urgent(
    sentence: str, kind: Kind, body: Object, urgent: bool
) -> None:
    asked: list[bool] = []
    sight = Sight(Store(), NameIndex(), lambda *_, urgent=True: asked.append(urgent))
    sight.note(kind, body)
    assert asked == [urgent], sentence


@pytest.mark.parametrize(
    ("sentence", "answer", "asked"),
    [
        ("it answers the newest wish: nobody needs telling", (3, 3), []),
        ("somebody edited meanwhile", (4, 3), [True]),
    ],
)
def test_a_status_of_our_own_is_no_news_but_an_edit_meanwhile_is(
    sentence: str, answer: tuple[int, int], asked: list[bool]
) -> None:
    told: list[bool] = []
    sight = Sight(Store(), NameIndex(), lambda *_, urgent=True: told.append(urgent))
    sight.note(LLM_DEPLOYMENT, wish(3, 2))
    told.clear()
    answered = wish(*answer)
    answered["metadata"]["resourceVersion"] = "2"
    sight.answered(answered)
    assert told == asked, sentence
    sight.note(LLM_DEPLOYMENT, answered)  # The watch shows it, too.
    assert told == asked, sentence


def test_a_status_that_takes_a_name_concerns_those_who_claim_it() -> None:
    told: list[str] = []
    sight = Sight(Store(), NameIndex(), lambda key, *_, **__: told.append(key.name))
    for number, name in enumerate(("a", "b")):
        body = model(name, generation=1, creationTimestamp=f"2026-01-0{number + 1}T00:00:00Z")
        body["spec"]["model"]["aliases"] = ["gpt"]
        sight.note(LLM_DEPLOYMENT, body)
    told.clear()
    answered = {**body, "status": {"observedGeneration": 1, "names": ["gpt"]}}
    answered["metadata"] = {**body["metadata"], "resourceVersion": "2"}
    sight.answered(answered)
    assert told == ["a"]


def test_nobody_waits_for_what_is_gone() -> None:
    asked: list[bool] = []
    sight = Sight(Store(), NameIndex(), lambda *_, urgent=True: asked.append(urgent))
    sight.note(LLM_DEPLOYMENT, wish(1))
    sight.note(LLM_DEPLOYMENT, {**model(version=2, generation=1)}, deleted=True)
    assert asked == [True, False]


def test_what_concerns_all_deployments_is_spread() -> None:
    delays: list[float] = []
    sight = Sight(Store(), NameIndex(), lambda _, delay=0.0, **__: delays.append(delay))
    for number in range(20):
        sight.note(LLM_DEPLOYMENT, model(f"m-{number}"))
    delays.clear()
    sight.note(NODE, thing(NODE, "node", owner="", namespace=""))
    assert len(delays) == 20
    assert len(set(delays)) > 1
