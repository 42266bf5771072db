"""Does /load tell only what is true, from the gateway's first moment on?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp

from tests.integration.gateway.serving import MODEL, SLOW, described, until
from tests.support.gateway import Gateway
from tests.support.llama.fake import FakeLlama

ASLEEP = {"name": "asleep", "backends": []}


async def test_a_model_is_told_of_once_its_replicas_were_asked(tmp_path: Path) -> None:
    async with FakeLlama.running(SLOW) as llama:
        llama.set_faults(deaf=True)
        async with Gateway.running(tmp_path, [described(llama), ASLEEP]) as gateway:
            assert (await gateway.loaded("asleep"))["requests"] == 0
            assert MODEL not in await gateway.load()
            await llama.die()
            assert (await gateway.loaded(MODEL))["ready"] == 0
            llama.set_faults(deaf=False)
            await llama.restart()
            await gateway.loaded(MODEL, ready=1)


async def test_the_first_line_about_a_busy_model_says_that_it_is_busy(tmp_path: Path) -> None:
    """Its /slots is silent during a long step, while the gateway starts."""
    shape = replace(SLOW, prefill=50, batch=400, patient_slots=True)
    async with FakeLlama.running(shape) as llama, aiohttp.ClientSession() as session:
        prompt = " ".join(f"w{n}" for n in range(250))
        body = {"prompt": prompt, "max_tokens": 200}
        working = asyncio.create_task(_finish(session, f"{llama.url}/v1/completions", body))
        await until(lambda: llama.engine.processing == 1)
        async with Gateway.running(tmp_path, [described(llama)]) as gateway:
            assert (await gateway.loaded(MODEL))["foreign"] == 1
        working.cancel()
        await asyncio.wait([working])


async def _finish(session: aiohttp.ClientSession, url: str, body: dict[str, object]) -> None:
    async with session.post(url, json=body) as answer:
        await answer.read()


async def test_a_model_stays_told_of_when_a_replica_is_added(tmp_path: Path) -> None:
    async with FakeLlama.running(SLOW) as llama, FakeLlama.running(SLOW) as deaf:
        deaf.set_faults(deaf=True)
        async with Gateway.running(tmp_path, [described(llama)]) as gateway:
            await gateway.loaded(MODEL, ready=1)
            gateway.rewrite([described(llama, deaf), ASLEEP])
            await gateway.loaded("asleep")
            assert (await gateway.load())[MODEL]["ready"] == 1
