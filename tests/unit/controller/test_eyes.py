"""What does the operator ask to know that it sees?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from llmstack.controller.eyes import Eyes
from llmstack.controller.watched import CHILDREN
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LLM_DEPLOYMENT, POD, Kind


class Asked:
    """An API server that lets nobody list some kinds."""

    def __init__(self) -> None:
        self.kinds: Counter[Kind] = Counter()
        self.refused: set[Kind] = set()
        self.duties = 0
        self.told = ""

    async def peek(self, kind: Kind, _namespace: str | None) -> None:
        self.kinds[kind] += 1
        if kind in self.refused:
            raise ApiError(403, "Forbidden", f"no {kind.plural}")

    async def duty(self) -> None:
        self.duties += 1

    def tell(self, words: str) -> None:
        self.told = words

    def eyes(self, *, leading: bool) -> Eyes:
        client: Any = self
        return Eyes(client, (), lambda: leading, self.tell, lambda: None, self.duty)


async def test_a_leader_sees_every_kind_in_turn_and_llmdeployments_with_each_look() -> None:
    asked = Asked()
    eyes = asked.eyes(leading=True)
    for _ in CHILDREN:
        await eyes.look()
    assert asked.kinds == {LLM_DEPLOYMENT: len(CHILDREN), **dict.fromkeys(CHILDREN, 1)}
    assert asked.duties == (len(CHILDREN) + 1) // 2


async def test_one_that_stands_by_asks_for_llmdeployments_alone() -> None:
    asked = Asked()
    eyes = asked.eyes(leading=False)
    for _ in range(3):
        await eyes.look()
    assert (asked.kinds, asked.duties) == ({LLM_DEPLOYMENT: 3}, 0)


async def test_what_it_may_not_see_is_said_and_asked_for_until_it_may() -> None:
    asked = Asked()
    asked.refused.add(POD)
    eyes = asked.eyes(leading=True)
    while not asked.told:
        await eyes.look()
    assert "cannot list pods" in asked.told
    before = asked.kinds[POD]
    asked.refused.clear()
    await eyes.look()
    assert (asked.kinds[POD], asked.told) == (before + 1, "")
