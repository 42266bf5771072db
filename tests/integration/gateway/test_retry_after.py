"""Does Retry-After say when a slot becomes free?"""

from __future__ import annotations

from pathlib import Path

from llmstack.engines.llamacpp.answers import work
from tests.integration.gateway.llamas import Llama
from tests.integration.gateway.serving import MODEL, gone, serving, until_it
from tests.support.llama.client import holds
from tests.support.llama.shape import Shape

TOKENS = 600
SHAPE = Shape(slots=1, decode=20, prefill=20_000, context=4096)
"""A request of so many tokens takes 30 seconds."""


async def test_the_first_request_of_all_is_estimated_from_what_it_decodes(tmp_path: Path) -> None:
    """No request has ended yet; its limit and its pace tell."""
    queue = {"maxRequests": 0}
    async with serving(tmp_path, SHAPE, model={"queue": queue}) as it:
        runs = it.begin(max_tokens=TOKENS)
        await it.gateway.loaded(MODEL, busy=1)
        seen = []

        async def is_right() -> bool:
            answer = await it.ask(max_tokens=1)
            assert (answer.status, answer.code) == (429, "queue_full")
            seen.append(int(answer.headers["retry-after"]))
            return 15 <= seen[-1] <= 33

        await until_it(is_right)
        assert max(seen) <= 33
        await gone(runs)


async def test_slots_show_how_far_they_are(llama: Llama) -> None:
    """Fake and real alike: of what decodes, tokens done and tokens left."""
    body = {"prompt": "Once", "n_predict": 300, "ignore_eos": True, "stream": True}
    async with llama.client.sending("/completion", body) as exchange:
        await exchange.first()

        async def decodes() -> bool:
            shown = work((await llama.client.get("/slots")).body)
            return any(each.decoded > 1 and each.decoded + each.left == 300 for each in shown)

        await holds(decodes)
