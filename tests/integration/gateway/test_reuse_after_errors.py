"""May a client send its next request after a stream that ended with an error event? Real clients.

They take a connection whose answer was whole for a usable one, and do not send a POST twice.
"""

from __future__ import annotations

import asyncio

import aiohttp
import httpx
import pytest

from tests.integration.gateway.dying import EVENT, polled
from tests.integration.gateway.raw import (
    EVENTS,
    STREAM,
    Front,
    Raw,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    post,
    until,
)

ROUNDS = 30


async def dies(turn: Turn) -> None:
    """After the first event of each answer."""
    await turn.send(EVENTS + chunk(EVENT))
    turn.close()


async def with_aiohttp(front: Front, number: int) -> None:
    url = f"http://127.0.0.1:{front.port}/v1/chat/completions"
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(number):
            async with session.post(url, data=STREAM) as answer:
                assert b"event: error" in await answer.read()


async def with_httpx(front: Front, number: int) -> None:
    url = f"http://127.0.0.1:{front.port}/v1/chat/completions"
    async with httpx.AsyncClient() as client:
        for _ in range(number):
            answer = await client.post(url, content=STREAM)
            assert b"event: error" in answer.content


@pytest.mark.parametrize("ask", [with_aiohttp, with_httpx])
def test_the_next_request_is_answered(ask) -> None:  # type: ignore[no-untyped-def]
    @on_uvloop
    async def test() -> None:
        async with (
            Replica.running(dies) as replica,
            gateway(replica.port) as front,
            polled(front),
        ):
            await asyncio.gather(*(ask(front, ROUNDS) for _ in range(2)))
            assert len(front.server.connections) <= 2
            assert {outcome.code for outcome in front.outcomes} == {"replica_failed"}

    test()


@on_uvloop
async def test_what_was_sent_ahead_is_answered_too() -> None:
    async with (
        Replica.running(dies) as replica,
        gateway(replica.port) as front,
        polled(front),
    ):
        client = await front.client()
        await client.send(post(STREAM) * 3)
        for _ in range(3):
            assert b"event: error" in (await client.answer()).body


@on_uvloop
async def test_a_connection_that_its_head_said_is_closed_is_closed() -> None:
    async with Replica.running(dies) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM, head=b"Connection: close\r\n"))
        answer = await client.answer()
        assert b"event: error" in answer.body
        assert answer.headers["connection"] == "close"
        assert await client.closed()


@on_uvloop
async def test_a_client_that_leaves_as_its_answer_begins_is_not_written_to() -> None:
    """It leaves between the replica's first bytes and the moment in which they go on."""
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await goes_on.wait()
        await turn.send(chunk(EVENT) * 10)
        await turn.client_gone()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        first_byte = front.owner.first_byte

        def leaves(lease: int) -> None:
            first_byte(lease)
            (connection,) = front.server.connections
            connection.abort("client_gone")
            goes_on.set()

        front.owner.first_byte = leaves  # type: ignore[method-assign]
        client: Raw = await front.client()
        await client.send(post(STREAM))
        assert await client.closed()
        assert (await front.recorded()).code == "client_gone"
        await until(lambda: front.idle)
