"""How busy is each model, and which servers are wedged?

The gateway is a real HTTP server on loopback; the clock is the test's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmstack.api.key import Key
from llmstack.controller.load_follower import (
    STALE_SECONDS,
    LoadFollower,
)
from llmstack.desired.secret import load_key

ROOT = bytes(32)
QWEN = Key("team-a", "qwen")


def line(*replicas: tuple[str, str], **fields: Any) -> bytes:
    listed = [{"id": name, "state": state, "slots": 4, "busy": 1} for name, state in replicas]
    model = {"replicas": listed, "waiting": 2, "waitingSlots": 3}
    body = {"version": 1, "epoch": "e1", "models": {"team-a/qwen": model}, **fields}
    return json.dumps(body).encode() + b"\n"


class Gateway:
    """Streams what is put into `lines`; None ends the stream."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.tokens: list[str] = []
        app = web.Application()
        app.router.add_get("/load", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append(request.headers["Authorization"])
        assert request.headers["Accept"] == "application/x-ndjson"
        answer = web.StreamResponse()
        await answer.prepare(request)
        while piece := await self.lines.get():
            await answer.write(piece)
        return answer


class Follower:
    """A follower whose changes can be waited for."""

    def __init__(self, url: str, *addresses: str) -> None:
        self.now = 100.0
        self.changed: asyncio.Queue[Key] = asyncio.Queue()
        self.addresses = set(addresses)
        self.follower = LoadFollower(
            url,
            self._root,
            self.changed.put_nowait,
            lambda: self.now,
            self._lookup if addresses else None,
        )

    async def _lookup(self, _url: object) -> set[str]:
        return self.addresses

    async def _root(self) -> bytes:
        return ROOT

    async def next_change(self) -> Key:
        return await asyncio.wait_for(self.changed.get(), 20)


@asynccontextmanager
async def following(url: str, *addresses: str) -> AsyncIterator[Follower]:
    made = Follower(url, *addresses)
    running = asyncio.create_task(made.follower.run())
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    await made.server.start_server()
    yield made
    made.lines.put_nowait(None)
    await made.server.close()


def url(gateway: Gateway) -> str:
    return str(gateway.server.make_url("/load"))


def wedged(follower: LoadFollower, key: Key) -> frozenset[str]:
    """Which of its pods are known to answer no more."""
    model = follower.model(key)
    return model.wedged if model else frozenset()


async def test_a_wedged_server_is_known_and_its_deployment_looked_at(gateway: Gateway) -> None:
    async with following(url(gateway)) as found:
        gateway.lines.put_nowait(line(("qwen-1", "ready")) + line(("qwen-1", "wedged")))

        assert await found.next_change() == QWEN
        assert wedged(found.follower, QWEN) == {"qwen-1"}
        assert wedged(found.follower, Key("team-b", "qwen")) == frozenset()
    assert gateway.tokens == [f"Bearer {load_key(ROOT)}"]


async def test_a_gateway_that_is_replaced_is_found_again(gateway: Gateway) -> None:
    async with following(url(gateway)) as found:
        gateway.lines.put_nowait(line(("qwen-1", "wedged")))
        await found.next_change()
        gateway.lines.put_nowait(None)
        gateway.lines.put_nowait(line(("qwen-1", "ready"), epoch="e2"))

        assert await found.next_change() == QWEN
        load = found.follower.load()
        assert load is not None
        assert load.epoch == "e2"


async def test_nothing_is_known_any_more_once_the_view_is_stale(gateway: Gateway) -> None:
    async with following(url(gateway)) as found:
        gateway.lines.put_nowait(line(("qwen-1", "wedged")))
        await found.next_change()
        found.now += STALE_SECONDS

        assert found.follower.load() is None
        assert wedged(found.follower, QWEN) == frozenset()
        gateway.lines.put_nowait(b"no json\n")  # the connection ends: now it is noticed
        assert await found.next_change() == QWEN


async def test_without_a_gateway_nothing_is_known_and_nothing_ends(unused_tcp_port: int) -> None:
    async with following(f"http://127.0.0.1:{unused_tcp_port}/load") as found:
        assert found.follower.load() is None
        assert wedged(found.follower, QWEN) == frozenset()


def told(term: int, waiting: int) -> dict[str, Any]:
    """What the owner of a model says since this term."""
    model = {"replicas": [], "waiting": waiting, "waitingSlots": waiting, "term": term}
    return {"models": {"team-a/qwen": model}, "deaths": {}}


async def test_several_gateways_are_followed_and_the_newer_owner_counts(
    unused_tcp_port: int,
) -> None:
    gateways = {}
    for address in ("127.0.0.1", "127.0.0.2"):
        made = gateways[address] = Gateway()
        made.server = TestServer(made.server.app, host=address, port=unused_tcp_port)
        await made.server.start_server()
    first, second = gateways.values()
    async with following(f"http://gateways:{unused_tcp_port}/load", *gateways) as found:

        async def waits(count: int) -> None:
            async with asyncio.timeout(20):
                while (known := found.follower.model(QWEN)) is None or known.waiting != count:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

        first.lines.put_nowait(line(**told(term=3, waiting=5)))
        await waits(5)
        second.lines.put_nowait(line(epoch="e2", **told(term=7, waiting=2)))
        await waits(2)
        first.lines.put_nowait(line(**told(term=3, waiting=6)))
        second.lines.put_nowait(line(epoch="e2", **told(term=7, waiting=3)))
        await waits(3)
        second.lines.put_nowait(line(epoch="e2", models={}, deaths={}))
        first.lines.put_nowait(line(models={}, deaths={}))
        await asyncio.sleep(0.1)
        assert found.follower.model(QWEN) is not None, "in transit is not idle"
    for made in gateways.values():
        made.lines.put_nowait(None)
        await made.server.close()
