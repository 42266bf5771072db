"""Does an answer reach its client as the replica sent it?"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import (
    BODY,
    EVENTS,
    QUICK,
    STREAM,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
    until,
)


@on_uvloop
async def test_a_plain_answer() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(
            plain(b'{"usage": {"prompt_tokens": 3}}', head=b"Cache-Control: no-store\r\n")
        )

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        answer = await front.ask(post())
        assert (answer.status, answer.body) == (200, b'{"usage": {"prompt_tokens": 3}}')
        assert answer.headers["cache-control"] == "no-store"
        assert replica.turns[0].body == BODY
        outcome = await front.recorded()
        assert (outcome.status, outcome.code, outcome.text) == (200, "", answer.body)
        assert front.busy == 0


@on_uvloop
async def test_a_stream() -> None:
    events = [b'data: {"n": %d}\n\n' % n for n in range(500)] + [
        b": comment\n\n",
        b"data: [DONE]\n\n",
    ]

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, *map(chunk, events), b"0\r\n\r\n")

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        for count in (1, 2, 3):
            await client.send(post(STREAM))
            answer = await client.answer()
            assert (answer.status, answer.body, answer.cut) == (200, b"".join(events), False)
            outcome = await front.recorded(count)
            assert outcome.stream
            assert answer.body.endswith(outcome.text)
            assert 1000 < len(outcome.text) <= 2048
        assert replica.connections == 1
        assert front.busy == 0


@on_uvloop
async def test_a_connection_is_used_again_after_a_long_request() -> None:
    ticks = 0

    async def script(turn: Turn) -> None:
        await until(lambda: ticks > 3 * turn.number)
        await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        tick = front.exchanges.tick

        def counted(now: float) -> None:
            nonlocal ticks
            ticks += 1
            tick(now)

        front.exchanges.tick = counted  # type: ignore[method-assign]
        for _ in range(3):
            assert (await front.ask(post())).body == b"well"
        assert replica.connections == 1


@on_uvloop
async def test_an_idle_connection_is_closed_before_the_replica_closes_it() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(plain(b"well"))
        await turn.client_gone()
        turn.close()

    quick = replace(QUICK, upstream_idle_seconds=0.01)
    async with Replica.running(script) as replica, gateway(replica.port, limits=quick) as front:
        assert (await front.ask(post())).body == b"well"
        await until(replica.turns[0].writer.is_closing)
        assert (await front.ask(post())).body == b"well"
        assert replica.connections == 2


@on_uvloop
async def test_head_and_options_need_no_replica() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(b"HEAD /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await client.until(b"\r\n\r\n")
        await client.send(b"OPTIONS * HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        await client.until(b"204 No Content")
        assert not replica.turns


@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 8 << 20])
@on_uvloop
async def test_large_bodies_both_ways(size: int) -> None:
    async def script(turn: Turn) -> None:
        await turn.send(plain(turn.body))

    body = BODY[:-1] + b" " * size + b"}"
    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        for _ in range(2):
            await client.send(post(body))
            assert (await client.answer()).body == body
        assert replica.connections == 1
        assert front.server.held == 0


@on_uvloop
async def test_a_replica_that_answers_before_it_has_read_the_body() -> None:
    """Its answer counts; its connection, on which the body still goes out, is not used again."""
    body = BODY[:-1] + b" " * (8 << 20) + b"}"

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(plain(b"too long", b"413 Content Too Large"))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(early, "127.0.0.1", 0, limit=1 << 12)
    async with gateway(server.sockets[0].getsockname()[1]) as front:
        for _ in range(2):
            answer = await front.ask(post(body))
            assert answer.status == 413
            assert json.loads(answer.body)["error"]["message"] == "too long"
    server.close()


@on_uvloop
async def test_what_a_client_learns_of_its_way() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        answer = await front.ask(post(head=b"X-Request-Id: mine-1\r\n"))
        assert answer.headers["x-request-id"] == "mine-1"
        assert answer.headers["x-llmstack-replica"] == "replica-0"
        assert answer.headers["x-llmstack-queued-ms"] == "0"
        assert answer.headers["x-llmstack-prefix-hit"] == "0.00"
        assert b"x-request-id: mine-1" in replica.turns[0].head
        own = await front.ask(post())
        assert own.headers["x-request-id"] == front.outcomes[-1].id.decode()
