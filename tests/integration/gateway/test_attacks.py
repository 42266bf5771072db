"""Does a client, or a replica, that means harm get more than its own request refused?"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from llmstack.gateway.http.connection import ClientConnection
from llmstack.gateway.refusals import unauthorized
from tests.integration.gateway.raw import (
    EVENTS,
    QUICK,
    STREAM,
    Front,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
    until,
)

MODELS = b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n"


def connection(front: Front) -> ClientConnection:
    """The gateway's side of the only client."""
    (found,) = front.server.connections
    return found


async def whole(turn: Turn) -> None:
    await turn.send(plain(b"{}"))


@on_uvloop
async def test_answers_that_nobody_reads_do_not_pile_up() -> None:
    async with gateway(limits=replace(QUICK, stall_seconds=0.5)) as front:
        client = await front.client()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        asked = 1

        def settled() -> bool:
            return len(front.outcomes) >= asked or not front.server.connections

        await client.send(MODELS)
        await until(settled)
        ours = connection(front)
        with contextlib.suppress(ConnectionError):
            while front.server.connections:
                await client.send(MODELS * 100)
                asked += 100
                await until(settled)
                assert ours._transport.get_write_buffer_size() < 1 << 20


@on_uvloop
async def test_who_sends_far_ahead_gets_the_answer_to_what_came_first() -> None:
    async with gateway() as front:
        for _ in range(20):
            client = await front.client()
            await client.send(MODELS * 5000)
            answer = await client.answer()
            assert (answer.status, answer.cut) == (200, False)
            assert await client.closed()


@on_uvloop
async def test_a_client_that_leaves_as_its_answer_ends_takes_no_connection_along() -> None:
    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await turn.send(EVENTS, chunk(b"data: 1\n\n"))
        else:
            await whole(turn)

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(b"data: 1")
        ours = connection(front)
        relay, task = ours.client.relay, ours._task
        assert relay is not None and relay._passing is not None and task is not None
        relay._passing.data_received(b"0\r\n\r\n")
        task.cancel()
        await asyncio.wait([task])
        client.writer.close()
        await until(lambda: front.busy == 0 or front.owner.draining("smol", "replica-0"))
        assert (await front.ask(post())).status == 200
        assert replica.connections == 1


@on_uvloop
async def test_a_replica_is_let_go_in_the_step_that_sees_its_client_leave() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, chunk(b"data: 1\n\n"))
        await turn.client_gone()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(b"data: 1")
        ours = connection(front)
        assert ours.client.relay is not None
        relay, upstream = ours.client.relay, ours.client.relay._upstream
        ours.eof_received()
        # Else what it still sends is written to a client that is closed, which uvloop refuses.
        assert upstream.transport.get_protocol() is upstream
        assert upstream.user is not relay
        assert (await front.recorded()).code == "client_gone"


@on_uvloop
async def test_an_answer_to_a_client_that_has_just_left_is_dropped() -> None:
    async with gateway() as front:
        client = await front.client()
        await client.send(post())
        await until(lambda: front.owner.load()["smol"].waiting == 1)
        ours = connection(front)
        ours.abort("stopping")
        await until(lambda: not front.server.connections)
        ours.client.answer(unauthorized(), b"")
        assert (await front.recorded()).code == "stopping"


@on_uvloop
async def test_a_plain_answer_that_falls_silent_is_cut_off() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        await turn.client_gone()

    quick = replace(QUICK, answer_idle_seconds=0.1)
    async with Replica.running(script) as replica, gateway(replica.port, limits=quick) as front:
        answer = await front.ask(post())
        assert (answer.status, answer.cut) == (200, True)
        assert (await front.recorded()).code == "replica_failed"


@on_uvloop
async def test_any_number_of_interim_answers() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000 + plain(b"{}"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        answer = await front.ask(post())
        assert answer.status == 200
        assert answer.body == b"{}"
        assert len(replica.turns) == 1


@on_uvloop
async def test_a_path_as_long_as_a_head_may_be_does_not_fill_the_log() -> None:
    async with gateway() as front:
        await front.ask(b"GET /%b HTTP/1.1\r\nHost: gateway\r\n\r\n" % (b"a" * 30_000))
        assert (await front.recorded()).path == "other"
