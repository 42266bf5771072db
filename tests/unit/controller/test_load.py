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

from llmstack.controller.load import (
    STALE_SECONDS,
    Load,
    LoadFollower,
    ModelLoad,
    ReplicaLoad,
    parse_load,
    wedged_changes,
)
from llmstack.controller.schedule import Key
from llmstack.desired.secret import load_key

ROOT = bytes(32)
QWEN = Key("team-a", "qwen")


def line(*replicas: tuple[str, str], **fields: Any) -> bytes:
    listed = [{"id": name, "state": state, "slots": 4, "busy": 1} for name, state in replicas]
    model = {"replicas": listed, "waiting": 2, "waitingSlots": 3}
    body = {"version": 1, "epoch": "e1", "models": {"team-a/qwen": model}, **fields}
    return json.dumps(body).encode() + b"\n"


def test_a_line_tells_slots_and_waiting_requests_of_each_model() -> None:
    load = parse_load(line(("qwen-1", "ready")))

    assert load.epoch == "e1"
    assert load.models[QWEN] == ModelLoad((ReplicaLoad("qwen-1", "ready", 4, 1),), 2, 3)


@pytest.mark.parametrize("wrong", [b"[]", b"{}", line(version=2), b"no json"])
def test_what_is_no_load_or_of_another_version_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        parse_load(wrong)


def test_fields_that_a_later_gateway_adds_are_ignored() -> None:
    assert parse_load(line(("qwen-1", "ready"), more=True)) == parse_load(line(("qwen-1", "ready")))


@pytest.mark.parametrize(
    ("sentence", "before", "after", "changed"),
    [
        ("nothing is wedged", line(("a", "ready")), line(("a", "draining")), []),
        ("one becomes wedged", line(("a", "ready")), line(("a", "wedged")), [QWEN]),
        ("it answers again", line(("a", "wedged")), line(("a", "ready")), [QWEN]),
        ("it is gone", line(("a", "wedged")), line(models={}), [QWEN]),
        ("it stays so", line(("a", "wedged")), line(("a", "wedged"), ("b", "ready")), []),
        ("another one", line(("a", "wedged")), line(("b", "wedged")), [QWEN]),
    ],
)
def test_only_a_change_of_the_wedged_servers_concerns_a_deployment(
    sentence: str, before: bytes, after: bytes, changed: list[Key]
) -> None:
    assert wedged_changes(parse_load(before), parse_load(after)) == changed, sentence


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

    def __init__(self, url: str) -> None:
        self.now = 100.0
        self.changed: asyncio.Queue[Key] = asyncio.Queue()
        self.follower = LoadFollower(url, self._root, self.changed.put_nowait, lambda: self.now)

    async def _root(self) -> bytes:
        return ROOT

    async def next_change(self) -> Key:
        return await asyncio.wait_for(self.changed.get(), 20)


@asynccontextmanager
async def following(url: str) -> AsyncIterator[Follower]:
    made = Follower(url)
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


async def test_a_wedged_server_is_known_and_its_deployment_looked_at(gateway: Gateway) -> None:
    async with following(url(gateway)) as found:
        gateway.lines.put_nowait(line(("qwen-1", "ready")) + line(("qwen-1", "wedged")))

        assert await found.next_change() == QWEN
        assert found.follower.wedged(QWEN) == {"qwen-1"}
        assert found.follower.wedged(Key("team-b", "qwen")) == frozenset()
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
        assert found.follower.wedged(QWEN) == frozenset()
        gateway.lines.put_nowait(b"no json\n")  # the connection ends: now it is noticed
        assert await found.next_change() == QWEN


async def test_without_a_gateway_nothing_is_known_and_nothing_ends(unused_tcp_port: int) -> None:
    async with following(f"http://127.0.0.1:{unused_tcp_port}/load") as found:
        assert found.follower.load() is None
        assert found.follower.wedged(QWEN) == frozenset()


def test_a_view_is_empty_before_the_first_line() -> None:
    assert Load().models == {}
