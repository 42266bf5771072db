"""What can be asked on the admin port?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp

from llmstack.gateway.admin import Changes, Views, serve
from llmstack.routing.load import STREAM


@asynccontextmanager
async def admin(load_key: str | None = "") -> AsyncIterator[SimpleNamespace]:
    state = SimpleNamespace(load=b'{"n": 0}', why="", changes=Changes(), key=load_key)
    views = Views(
        metrics=lambda: b"up 1\n",
        load=lambda: state.load,
        ready=lambda: state.why,
        changes=state.changes,
        load_key=lambda: state.key,
    )
    runner = await serve(views, "127.0.0.1", 0)
    host, port = runner.addresses[0]
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            state.get = session.get
            yield state
    finally:
        await runner.cleanup()


@asynccontextmanager
async def followed(it: SimpleNamespace) -> AsyncIterator[aiohttp.StreamReader]:
    async with it.get("/load", headers={"Accept": STREAM}) as answer:
        yield answer.content


async def test_health_and_metrics():
    async with admin() as it:
        assert (await it.get("/healthz")).status == 200
        assert await (await it.get("/metrics")).text() == "up 1\n"
        assert (await it.get("/readyz")).status == 200
        it.why = "stopping"
        answer = await it.get("/readyz")
        assert (answer.status, await answer.text()) == (503, "stopping")
        assert (await it.get("/v1/models")).status == 404


async def test_the_load_asks_for_the_key_where_there_is_one():
    async with admin("key") as it:
        wrong = ("Bearer wrong", "Basic key", "Bearer \udcff")
        for header in ({}, *({"Authorization": value} for value in wrong)):
            assert (await it.get("/load", headers=header)).status == 401
        answer = await it.get("/load", headers={"Authorization": "Bearer key"})
        assert await answer.json() == {"n": 0}
    async with admin() as it:
        assert (await it.get("/load")).status == 200
    async with admin(None) as it:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
            assert (await it.get("/load", headers=headers)).status == 401


async def test_a_follower_whose_key_is_no_longer_the_key_hears_no_more():
    async with asyncio.timeout(30), admin() as it, followed(it) as lines:
        assert await lines.readline() == b'{"n": 0}\n'
        it.key = "key"
        it.changes.happened()
        while await lines.readline():
            pass


async def test_a_follower_gets_each_change_also_one_that_comes_while_a_line_is_written():
    async with asyncio.timeout(30), admin() as it, followed(it) as lines:
        assert await lines.readline() == b'{"n": 0}\n'
        for number in range(1, 20):
            it.load = b'{"n": %d}' % number
            it.changes.happened()
            while await lines.readline() != b'{"n": %d}\n' % number:
                pass


async def test_a_follower_hears_from_the_gateway_when_nothing_changes():
    async with asyncio.timeout(30), admin() as it, followed(it) as lines:
        for _ in range(2):
            assert await lines.readline() == b'{"n": 0}\n'
