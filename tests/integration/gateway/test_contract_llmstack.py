"""Does our build of llama-server show leases and keep caches apart? The fake and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.gateway.llamas import Llama
from tests.integration.gateway.test_contract import LONG, at_rest, long_prompt
from tests.support.llama.client import Client, holds
from tests.support.llama.fake import FakeLlama
from tests.support.llama.shape import Shape

FEW = 2
"""Tokens that prompts without a salt may begin with alike by chance."""
OTHERS = ["", "tenant-b", "tenant-a2", "Tenant-a"]


def lease(name: str) -> dict[str, str]:
    return {"X-Llmstack-Lease": name}


def salt(name: str) -> dict[str, str]:
    return {"X-Llmstack-Salt": name} if name else {}


async def shown(client: Client) -> tuple[list[str], list[str]]:
    """The leases that slots show, and those that wait for slots."""
    reply = await client.get("/slots")
    leases = sorted(slot["lease"] for slot in reply.json() if slot["lease"])
    return leases, [name for name in reply.headers["x-llmstack-waiting"].split(",") if name]


async def shows(client: Client, slots: list[str], waiting: list[str]) -> bool:
    return await shown(client) == (slots, waiting)


async def cached(client: Client, prompt: str, headers: Mapping[str, str], **more: Any) -> int:
    body = {"prompt": prompt, "n_predict": 1, "temperature": 0, **more}
    async with client.sending("/completion", body, headers) as exchange:
        answer = (await exchange.whole()).json()
    assert "timings" in answer, answer
    return int(answer["timings"]["cache_n"])


class TestLeases:
    async def test_it_says_that_it_knows_them(self, llama: Llama) -> None:
        props = (await llama.client.get("/props")).json()
        assert props["llmstack"] == {"lease": 1, "salt": 1}

    async def test_a_slot_shows_whose_task_it_computes_and_nothing_when_idle(
        self, llama: Llama
    ) -> None:
        await at_rest(llama)
        assert await shown(llama.client) == ([], [])
        async with llama.client.sending("/completion", LONG, lease("e1-7")) as exchange:
            await exchange.first()
            assert await shown(llama.client) == (["e1-7"], [])
        await holds(shows, llama.client, [], [])

    async def test_each_of_n_answers_shows_it(self, llama: Llama) -> None:
        await at_rest(llama)
        body = LONG | {"n_cmpl": 2}
        async with llama.client.sending("/completion", body, lease("e1-8")) as exchange:
            await exchange.first()
            assert await shown(llama.client) == (["e1-8", "e1-8"], [])
        await holds(shows, llama.client, [], [])

    async def test_each_prompt_of_an_array_shows_it_and_the_rest_waits(self, llama: Llama) -> None:
        await at_rest(llama)
        body = LONG | {"prompt": ["a", "b", "c"]}
        async with llama.client.sending("/completion", body, lease("e1-9")):
            await holds(shows, llama.client, ["e1-9", "e1-9"], ["e1-9"])
        await holds(shows, llama.client, [], [])

    async def test_a_deferred_task_waits_until_it_is_launched_or_its_client_leaves(
        self, llama: Llama
    ) -> None:
        await at_rest(llama)
        async with llama.client.sending("/completion", LONG | {"n_cmpl": 2}, lease("a")) as both:
            await both.first()
            async with llama.client.sending("/completion", LONG, lease("b")) as left:
                await holds(shows, llama.client, ["a", "a"], ["b"])
                left.half_close()
                await holds(shows, llama.client, ["a", "a"], [])
            async with llama.client.sending("/completion", LONG, lease("c")) as next_one:
                await holds(shows, llama.client, ["a", "a"], ["c"])
                both.close()
                await next_one.first()
                assert await shown(llama.client) == (["c"], [])
        await holds(shows, llama.client, [], [])

    async def test_each_input_of_an_embedding_and_each_document_shows_it(
        self, embedder: Llama, reranker: Llama
    ) -> None:
        many = ["word " * 100] * 20
        for server, path, body in (
            (embedder, "/v1/embeddings", {"input": many}),
            (reranker, "/v1/rerank", {"query": "a", "documents": ["a b c"] * 200}),
        ):
            async with server.client.sending(path, body, lease("many")) as exchange:
                await holds(_computes, server.client, "many")
                await exchange.whole()
            await holds(shows, server.client, [], [])

    async def test_without_a_header_nothing_is_shown(self, llama: Llama) -> None:
        await at_rest(llama)
        async with llama.client.sending("/completion", LONG) as exchange:
            await exchange.first()
            assert await shown(llama.client) == ([], [])
        await at_rest(llama)

    async def test_no_poll_misses_a_lease(self, llama: Llama) -> None:
        """From the first poll that shows it on, each shows it, until it has its answer."""
        await at_rest(llama)
        async with llama.client.sending("/completion", LONG, lease("busy")) as busy:
            await busy.first()
            body = {"prompt": long_prompt(30), "n_predict": 8, "ignore_eos": True}
            sent = asyncio.create_task(_posted(llama.client, body, "seen"))
            await holds(_knows, llama.client, "seen")
            while await _knows(llama.client, "seen"):
                pass
            # Its slot is free before its answer is on its way; nothing but that may be left.
            assert (await sent) == 200
        await at_rest(llama)


class TestSalts:
    async def test_a_prefix_is_found_under_its_own_salt_only(self, llama: Llama) -> None:
        await at_rest(llama)
        prompt = long_prompt(60)
        assert await cached(llama.client, prompt, salt("tenant-a")) == 0
        assert await cached(llama.client, prompt, salt("tenant-a")) > 60
        for other in OTHERS:
            assert await cached(llama.client, prompt, salt(other)) <= (0 if other else FEW)

    async def test_without_salts_it_is_found_by_everybody(self, llama: Llama) -> None:
        """The attack that salts are for: B learns what A has sent."""
        await at_rest(llama)
        prompt = long_prompt(60)
        assert await cached(llama.client, prompt, {}) <= FEW
        assert await cached(llama.client, prompt, {}) > 60

    async def test_a_clone_is_of_its_parents_salt(self, llama: Llama) -> None:
        """`n_cmpl` copies the prompt's state from slot to slot."""
        await at_rest(llama)
        prompt = long_prompt(60)
        body = {"prompt": prompt, "n_predict": 2, "n_cmpl": 2}
        async with llama.client.sending("/completion", body, salt("tenant-a")) as exchange:
            await exchange.whole()
        # Both slots are asked, each by somebody else.
        found = await asyncio.gather(
            *(cached(llama.client, prompt, salt(f"stranger-{number}")) for number in range(2))
        )
        assert found == [0, 0]

    async def test_a_server_without_our_patch_says_so(self) -> None:
        async with FakeLlama.running(Shape(llmstack=False)) as fake:
            client = Client(fake.port)
            assert "llmstack" not in (await client.get("/props")).json()
            reply = await client.get("/slots")
            assert "x-llmstack-waiting" not in reply.headers
            assert all("lease" not in slot for slot in reply.json())
            prompt = long_prompt(60)
            assert await cached(client, prompt, salt("tenant-a")) == 0
            assert await cached(client, prompt, salt("tenant-b")) > 60


@pytest.mark.parametrize("stream", [True, False])
async def test_an_empty_prompt_with_several_answers_is_answered(
    real_generator: Any, stream: bool
) -> None:
    """Upstream its children wait for ever for the prompt of a parent that has ended."""
    client = Client(real_generator.port, real_generator.key)
    body = {"prompt": "", "n_cmpl": 2, "n_predict": 2, "stream": stream}
    async with client.sending("/completion", body) as exchange:
        assert (await exchange.whole()).status == 200
    await holds(shows, client, [], [])


async def _posted(client: Client, body: object, name: str) -> int:
    async with client.sending("/completion", body, lease(name)) as exchange:
        return (await exchange.whole()).status


async def _knows(client: Client, name: str) -> bool:
    return any(name in names for names in await shown(client))


async def _computes(client: Client, name: str) -> bool:
    return name in (await shown(client))[0]
