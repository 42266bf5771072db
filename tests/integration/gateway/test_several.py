"""Are several gateways exact together, whoever of them is killed, stopped or restarted?"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.gateway.serving import FAST, MODEL, chat, described, until_it
from tests.support.gateway import Gateway
from tests.support.gateways import Gateways
from tests.support.llama.fake import FakeLlama
from tests.support.llama.shape import Shape

BRISK = replace(FAST, decode=100)


@dataclass
class Together:
    """Three gateways before some servers."""

    gateways: Gateways
    llamas: list[FakeLlama]

    async def ask(self, gateway: Gateway, **body: Any) -> tuple[int, bytes]:
        """Status and text of one answer; 0 where the connection broke before or in it."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{gateway.url}/v1/chat/completions", json=chat(**body)) as answer,
            ):
                return answer.status, await answer.read()
        except aiohttp.ClientError:
            return 0, b""

    def begin(self, gateway: Gateway, **body: Any) -> asyncio.Task[tuple[int, bytes]]:
        return asyncio.create_task(self.ask(gateway, **body))

    @property
    def deferrals(self) -> int:
        return sum(llama.deferrals for llama in self.llamas)

    async def idle(self) -> None:
        """All slots are free, as the one owner tells."""
        total = sum(llama.shape.slots for llama in self.llamas)
        await self.gateways.owner(MODEL, total=total, busy=0, draining=0, foreign=0, waiting=0)


@asynccontextmanager
async def together(folder: Path, *shapes: Shape, count: int = 3) -> AsyncIterator[Together]:
    async with AsyncExitStack() as stack:
        llamas = [await stack.enter_async_context(FakeLlama.running(shape)) for shape in shapes]
        models = [described(*llamas)]
        gateways = await stack.enter_async_context(Gateways.before(folder, models, count))
        await gateways.together(count)
        it = Together(gateways, llamas)
        await it.idle()
        yield it


async def test_any_of_them_serves_and_no_slot_is_given_twice(tmp_path: Path) -> None:
    async with together(tmp_path, FAST, replace(FAST, slots=3)) as it:
        each = it.gateways.each
        tasks = [it.begin(each[n % 3], stream=n % 2 == 0) for n in range(60)]
        answers = await asyncio.gather(*tasks)
        assert {status for status, _ in answers} == {200}
        assert sum(llama.requests for llama in it.llamas) == 60
        assert it.deferrals == 0
        await it.idle()


async def test_who_leaves_frees_its_place_and_its_slot(tmp_path: Path) -> None:
    async with together(tmp_path, replace(BRISK, slots=1)) as it:
        owner = await it.gateways.owner(MODEL)
        other = next(gateway for name, gateway in it.gateways.running.items() if name != owner)
        holding = it.begin(other, max_tokens=1000, stream=True)
        await it.gateways.owner(MODEL, busy=1)
        waiting = it.begin(other, max_tokens=1)
        await it.gateways.owner(MODEL, waiting=1)
        waiting.cancel()
        await it.gateways.owner(MODEL, waiting=0, busy=1)
        holding.cancel()
        await it.idle()
        assert (await it.ask(other, max_tokens=1))[0] == 200
        assert it.deferrals == 0


async def flood(
    it: Together, survivors: Callable[[], list[Gateway]], count: int, **body: Any
) -> list[tuple[int, bytes]]:
    """So many requests one after the other at those that live, 20 ms apart."""
    tasks = []
    for n in range(count):
        living = survivors()
        tasks.append(it.begin(living[n % len(living)], **body))
        await asyncio.sleep(0.02)
    return await asyncio.gather(*tasks)


async def test_a_killed_owner_takes_only_its_own_streams_along(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK, BRISK) as it:
        owner = await it.gateways.owner(MODEL)
        others = [each for name, each in it.gateways.running.items() if name != owner]
        own = [it.begin(it.gateways.running[owner], max_tokens=300, stream=True) for _ in "12"]
        await it.gateways.owner(MODEL, busy=2)
        queue = asyncio.create_task(flood(it, lambda: others, 40, max_tokens=10))
        await it.gateways.owner(MODEL, busy=4)
        await it.gateways.kill(owner)
        assert {status for status, _ in await queue} == {200}
        assert not any(text.endswith(b"[DONE]\n\n") for _, text in await asyncio.gather(*own))
        assert it.deferrals == 0
        await it.idle()


async def test_what_a_killed_gateway_held_comes_back(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK) as it:
        owner = await it.gateways.owner(MODEL)
        victim = next(name for name in it.gateways.names if name != owner)
        streams = [it.begin(it.gateways.running[victim], max_tokens=1000, stream=True)]
        streams.append(it.begin(it.gateways.running[victim], max_tokens=1000, stream=True))
        await it.gateways.owner(MODEL, busy=2)
        waits = it.begin(it.gateways.running[owner], max_tokens=1)
        await it.gateways.owner(MODEL, waiting=1)
        await it.gateways.kill(victim)
        assert (await waits)[0] == 200
        await asyncio.gather(*streams)
        assert it.deferrals == 0
        await it.idle()


async def test_two_of_three_may_die(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK) as it:
        owner = await it.gateways.owner(MODEL)
        for name in [owner, next(name for name in it.gateways.names if name != owner)]:
            await it.gateways.kill(name)
        (last,) = it.gateways.each
        answers = await flood(it, lambda: [last], 10, max_tokens=2)
        assert {status for status, _ in answers} == {200}
        assert it.deferrals == 0
        await it.idle()


async def test_an_owner_that_stood_still_grants_nothing_twice(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK, BRISK) as it:
        owner = await it.gateways.owner(MODEL)
        others = [each for name, each in it.gateways.running.items() if name != owner]
        stopped = [it.begin(it.gateways.running[owner], max_tokens=20) for _ in range(8)]
        await it.gateways.owner(MODEL, busy=4)
        it.gateways.signal(owner, signal.SIGSTOP)
        try:
            during = await flood(it, lambda: others, 150, max_tokens=3)
        finally:
            it.gateways.signal(owner, signal.SIGCONT)
        after = await flood(it, lambda: it.gateways.each, 60, max_tokens=3)
        assert {status for status, _ in (*during, *after)} == {200}
        assert {status for status, _ in await asyncio.gather(*stopped)} == {200}
        assert it.deferrals == 0
        await it.gateways.together(3)
        await it.idle()


async def test_a_rolling_restart_cuts_nothing(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK, BRISK) as it:
        ending: set[str] = set()

        def serving() -> list[Gateway]:
            return [each for name, each in it.gateways.running.items() if name not in ending]

        load = asyncio.create_task(flood(it, serving, 400, max_tokens=8, stream=True))
        for name in it.gateways.names:
            gateway = it.gateways.running[name]
            ending.add(name)
            await asyncio.sleep(0.1)  # Its last clients have connected.
            gateway.process.send_signal(signal.SIGTERM)
            await gateway.process.wait()
            del it.gateways.running[name]
            await it.gateways.start(name)
            await it.gateways.together(3)
            ending.discard(name)
        answers = await load
        assert {status for status, _ in answers} == {200}
        assert all(text.endswith(b"[DONE]\n\n") for _, text in answers)
        assert it.deferrals == 0
        await it.idle()


async def test_one_becomes_two_and_one_again_and_no_slot_is_given_twice(tmp_path: Path) -> None:
    async with together(tmp_path, BRISK, count=1) as it:
        (first,) = it.gateways.names
        serving = it.gateways.each
        load = asyncio.create_task(flood(it, lambda: serving, 150, max_tokens=8, stream=True))
        await it.gateways.owner(MODEL, busy=2)
        serving = [await it.gateways.join()]
        await it.gateways.together(2)
        gateway = it.gateways.running.pop(first)
        gateway.process.send_signal(signal.SIGTERM)
        await gateway.process.wait()
        await it.gateways.together(1)
        answers = await load
        assert {status for status, _ in answers} == {200}
        assert it.deferrals == 0
        await it.idle()


async def test_all_of_them_list_the_same_models(tmp_path: Path) -> None:
    async with together(tmp_path, FAST) as it:

        async def alike() -> bool:
            told = []
            for gateway in it.gateways.each:
                async with gateway.session.get(f"{gateway.url}/v1/models") as answer:
                    (entry,) = (await answer.json())["data"]
                    told.append((entry["state"], entry["slots"]["total"]))
            return told == [("ready", 2)] * 3

        await until_it(alike)


async def test_the_owner_alone_polls_and_the_others_tell_of_no_load(tmp_path: Path) -> None:
    async with together(tmp_path, FAST) as it:
        pages = [await gateway.load() for gateway in it.gateways.each]
        assert sorted(map(len, pages)) == [0, 0, 1]
        slots = [await gateway.metric("slots", state="total") for gateway in it.gateways.each]
        assert sorted(slots) == [0, 0, 2], "the sum over all of them is that of one"


async def test_a_conversation_finds_its_prefix_by_whichever_gateway_and_after_a_death(
    tmp_path: Path,
) -> None:
    async with together(tmp_path, FAST, FAST, FAST) as it:

        async def replica(gateway: Gateway, turns: int) -> tuple[str, float]:
            messages = [{"role": "user", "content": f"{n} " + "x" * 3000} for n in range(turns)]
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    f"{gateway.url}/v1/chat/completions",
                    json=chat(messages=messages, max_tokens=1),
                ) as answer,
            ):
                assert answer.status == 200, json.loads(await answer.read())
                headers = answer.headers
                return headers["X-Llmstack-Replica"], float(headers["X-Llmstack-Prefix-Hit"])

        first, _ = await replica(it.gateways.each[0], 2)
        for turn, gateway in enumerate(it.gateways.each, 3):
            where, hit = await replica(gateway, turn)
            assert where == first
            assert hit > 0.5
        owner = await it.gateways.owner(MODEL)
        await it.gateways.kill(owner)
        await it.idle()
        for turn, gateway in enumerate(it.gateways.each, 6):
            where, hit = await replica(gateway, turn)
            assert (where, hit > 0.5) == (first, True)
