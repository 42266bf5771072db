"""What does a client see when a replica dies in the middle of its answer?"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from llmstack.routing.messages import Ending
from tests.integration.gateway.dying import EVENT, endings
from tests.integration.gateway.raw import (
    EVENTS,
    QUICK,
    STREAM,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    post,
)


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (chunk(EVENT), EVENT),
        (chunk(EVENT) + b"40\r\ndata: cut", EVENT),
        (chunk(EVENT) + b"4", EVENT),
        (chunk(EVENT + b"data: half"), EVENT + b"data: half\n\n"),
        (chunk(EVENT) + b"20000\r\n" + b"x" * 0x10000, EVENT + b"x" * 0x10000 + b"\n\n"),
    ],
    ids=["after an event", "in a chunk", "in a size", "in an event", "in a large chunk"],
)
def test_after_the_first_byte_a_stream_ends_with_an_error_event(
    sent: bytes, seen: bytes, then: str
) -> None:
    @on_uvloop
    async def test() -> None:
        goes_on = asyncio.Event()

        async def script(turn: Turn) -> None:
            await turn.send(EVENTS + sent)
            await goes_on.wait()
            turn.close() if then == "close" else turn.reset()

        async with Replica.running(script) as replica, gateway(replica.port) as front:
            ended = endings(front)
            client = await front.client()
            await client.send(post(STREAM))
            await client.until(EVENT)
            goes_on.set()
            answer = await client.answer()
            assert not answer.cut
            assert answer.body.startswith(seen)
            name, data = answer.body[len(seen) :].removesuffix(b"\n\n").split(b"\n")
            assert name == b"event: error"
            assert json.loads(data.removeprefix(b"data: "))["error"]["code"] == "replica_failed"
            outcome = await front.recorded()
            assert (outcome.status, outcome.code) == (200, "replica_failed")
            assert ended == [Ending.FAILED]
            await client.send(b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n")
            assert (await client.answer()).status == 200

    test()


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["length", "chunked", "a stream with a length"],
)
def test_after_the_first_byte_a_plain_answer_is_cut_visibly(sent: bytes, then: str) -> None:
    @on_uvloop
    async def test() -> None:
        goes_on = asyncio.Event()

        async def script(turn: Turn) -> None:
            await turn.send(sent)
            await goes_on.wait()
            turn.close() if then == "close" else turn.reset()

        async with Replica.running(script) as replica, gateway(replica.port) as front:
            client = await front.client()
            await client.send(post())
            await client.until(b"half")
            goes_on.set()
            assert (await client.answer()).cut
            assert (await front.recorded()).code == "replica_failed"

    test()


@on_uvloop
async def test_garbage_after_the_first_byte_ends_a_stream_with_an_error_event() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await goes_on.wait()
        await turn.send(b"garbage")

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(EVENT)
        goes_on.set()
        answer = await client.answer()
        assert answer.body.startswith(EVENT + b"event: error")
        assert not answer.cut


@on_uvloop
async def test_a_stream_that_falls_silent_after_its_first_byte_is_ended() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await turn.client_gone()

    quick = replace(QUICK, answer_idle_seconds=0.1)
    async with Replica.running(script) as replica, gateway(replica.port, limits=quick) as front:
        answer = await front.ask(post(STREAM))
        assert answer.body.startswith(EVENT + b"event: error")
        assert not answer.cut
