"""What does a request do that ends a server? It ends two at most, and others are answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.gateway.serving import (
    MODEL,
    SLOW,
    Answered,
    Serving,
    described,
    gone,
    serving,
    until,
    until_it,
)
from tests.support.llama.fake import FakeLlama
from tests.support.llama.shape import Shape

DEADLY = "please die"
LONG = replace(SLOW, prefill=2)
"""A short prompt takes some seconds: nobody has a first byte before."""


@asynccontextmanager
async def mortal(
    folder: Path, count: int, shape: Shape = SLOW, **config: Any
) -> AsyncIterator[Serving]:
    """So many servers that die at a marked prompt."""
    async with serving(folder, *[shape] * count, **config) as it:
        for llama in it.llamas:
            llama.set_faults(deadly=DEADLY)
        yield it


def alive(it: Serving) -> int:
    return sum(llama._server is not None for llama in it.llamas)


def saying(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def killed(it: Serving, text: str = "", **more: Any) -> Answered:
    """The answer to a request that ends the server that computes it."""
    return await it.ask(messages=saying(DEADLY + text), **more)


async def begun(it: Serving, count: int) -> list[asyncio.Task[Answered]]:
    """So many requests of others, each in a slot and none with a first byte."""
    tasks = [it.begin(messages=saying(f"word {n}"), max_tokens=1) for n in range(count)]
    await it.gateway.loaded(MODEL, busy=count)
    await until(lambda: sum(llama.requests for llama in it.llamas) == count)
    return tasks


def keys(folder: Path, *tenants: str) -> dict[str, str]:
    """The configuration's field; a tenant's key is its name."""
    lines = (f"sha256:{hashlib.sha256(t.encode()).hexdigest()} {t}\n" for t in tenants)
    (folder / "keys").write_text("".join(lines))
    return {"keysFile": "keys"}


def of(tenant: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tenant}"}


async def test_a_request_that_kills_alone_is_502_and_kills_one(tmp_path: Path) -> None:
    async with mortal(tmp_path, 4) as it:
        answer = await killed(it)
        assert (answer.status, answer.code) == (502, "replica_died")
        assert answer.headers["x-should-retry"] == "false"
        assert alive(it) == 3
        assert await it.gateway.metric("replica_deaths_total", tenant="anonymous") == 1
        assert (await it.ask(max_tokens=1)).status == 200


async def test_streams_elsewhere_go_on_and_those_beside_it_end_with_an_error(
    tmp_path: Path,
) -> None:
    async with mortal(tmp_path, 4) as it:
        others = [it.begin(stream=True, max_tokens=60) for _ in range(7)]
        await it.gateway.loaded(MODEL, busy=7)
        await until(lambda: sum(llama.engine.processing for llama in it.llamas) == 7)
        assert (await killed(it)).status == 502
        last = [(await task).events[-1] for task in others]
        assert last.count("[DONE]") >= 6
        assert alive(it) >= 2


async def test_beside_a_killer_innocent_requests_are_answered(tmp_path: Path) -> None:
    async with mortal(tmp_path, 4, LONG) as it:
        innocent = await begun(it, 7)
        killer = it.begin(messages=saying(DEADLY))
        assert [(await task).status for task in innocent] == [200] * 7
        answer = await killer
        assert (answer.status, answer.code) == (502, "replica_died")
        assert alive(it) >= 2


async def test_the_same_body_kills_two_however_often_it_comes(tmp_path: Path) -> None:
    async with mortal(tmp_path, 4) as it:
        answers = [await killed(it) for _ in range(4)]
        assert [answer.status for answer in answers] == [502, 502, 400, 400]
        assert {answer.code for answer in answers} == {"replica_died"}
        assert alive(it) == 2
        assert (await it.ask(max_tokens=1)).status == 200


async def test_many_at_once_with_the_same_body_kill_two(tmp_path: Path) -> None:
    """Those that reach the first server together are tried one by one."""
    async with mortal(tmp_path, 4, replace(SLOW, slots=8)) as it:
        answers = await asyncio.gather(*(killed(it) for _ in range(2)))
        assert {answer.status for answer in answers} <= {502, 400}
        assert alive(it) >= 2


async def test_a_tenant_that_kills_is_slowed_and_the_others_are_not(tmp_path: Path) -> None:
    queue = {"queue": {"timeoutSeconds": 1}}
    config = keys(tmp_path, "bad", "good")
    async with mortal(tmp_path, 4, model=queue, **config) as it:
        first = await killed(it, " 1", headers=of("bad"))
        assert first.status == 502
        second = await killed(it, " 2", headers=of("bad"))
        assert second.status in (502, 429)
        third = await killed(it, " 3", headers=of("bad"))
        assert (third.status, third.code) == (429, "slowed")
        assert int(third.headers["retry-after"]) >= 1
        assert alive(it) >= 2
        assert (await it.ask(max_tokens=1, headers=of("good"))).status == 200
        assert await it.gateway.metric("replica_deaths_total", tenant="bad") == 4 - alive(it)


async def test_a_client_that_leaves_at_once_is_to_blame_all_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path, LONG, LONG, **keys(tmp_path, "bad")) as it:
        task = it.begin(headers=of("bad"))
        await until(lambda: sum(llama.requests for llama in it.llamas) == 1)
        server = next(llama for llama in it.llamas if llama.requests)
        await gone(task)
        await server.die()
        await it.gateway.loaded(MODEL, ready=1)

        async def blamed() -> bool:
            return await it.gateway.metric("replica_deaths_total", tenant="bad") == 1

        await until_it(blamed)


async def test_one_that_kills_in_the_middle_of_its_answer_kills_two(tmp_path: Path) -> None:
    """Its stream ends with an error event each time, until its body is known."""
    async with serving(tmp_path, SLOW, SLOW, SLOW) as it:
        for count in (1, 2):
            task = it.begin(stream=True, max_tokens=500)
            await until(lambda: any(_speaks(llama) for llama in it.llamas))
            await next(llama for llama in it.llamas if _speaks(llama)).die()
            assert (await task).events[-1]["error"]["code"] == "replica_failed"

            async def counted(count: int = count) -> bool:
                return await it.gateway.metric("replica_deaths_total") == count

            await until_it(counted)
        assert (await it.ask(stream=True, max_tokens=500)).status == 400
        assert (await it.ask(max_tokens=1)).status == 200


def _speaks(llama: FakeLlama) -> bool:
    """Whether a client of it has some tokens."""
    if llama._server is None:
        return False
    return any(slot.task is not None and slot.task.generated > 2 for slot in llama.engine.slots)


async def test_an_end_that_was_announced_is_not_seen(tmp_path: Path) -> None:
    async with mortal(tmp_path, 2, LONG) as it:
        tasks = await begun(it, 4)
        staying, leaving = it.llamas
        it.gateway.rewrite([described(staying)])
        await it.gateway.loaded(MODEL, ready=1)
        await leaving.die()
        assert [(await task).status for task in tasks] == [200] * 4
        assert await it.gateway.metric("replica_deaths_total") == 0


async def test_a_server_that_is_back_at_once_has_died_all_the_same(tmp_path: Path) -> None:
    async with mortal(tmp_path, 2, LONG) as it:
        (task,) = await begun(it, 1)
        server = next(llama for llama in it.llamas if llama.engine.processing)
        await server.restart()
        answer = await task
        assert (answer.status, answer.code) == (502, "replica_died")
        assert await it.gateway.metric("replica_deaths_total") == 1
