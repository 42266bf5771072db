"""What do clients do to the gateway, and what is left of it afterwards?"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from dataclasses import replace

import pytest

from llmstack.routing.messages import Ending
from tests.integration.gateway.dying import WELL, endings
from tests.integration.gateway.raw import (
    BODY,
    EVENTS,
    QUICK,
    STREAM,
    Front,
    Raw,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
    until,
)

EVENT = b"data: {}\n\n"


async def leave(client: Raw, how: str) -> None:
    """By FIN, by RST, or by shutting down its own side only."""
    if how == "reset":
        client.reset()
    elif how == "half":
        client.writer.write_eof()
    else:
        client.writer.close()


async def nothing_left(front: Front) -> None:
    """No task, no slot in use, no byte held."""
    await until(lambda: front.idle and not front.server.connections)


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
def test_a_client_that_leaves_cancels_its_request(how: str, begun: bool) -> None:
    @on_uvloop
    async def test() -> None:
        gone = asyncio.Event()

        async def script(turn: Turn) -> None:
            if begun:
                await turn.send(EVENTS + chunk(EVENT))
            await turn.client_gone()
            gone.set()
            turn.close()

        async with Replica.running(script) as replica, gateway(replica.port) as front:
            ended = endings(front)
            client = await front.client()
            await client.send(post(STREAM))
            await until(lambda: len(replica.turns) == 1)
            if begun:
                await client.until(EVENT)
            await leave(client, how)
            await asyncio.wait_for(gone.wait(), 20)
            outcome = await front.recorded()
            assert (outcome.code, outcome.status) == ("client_gone", 200 if begun else 0)
            assert ended == [Ending.CANCELLED]
            await nothing_left(front)

    test()


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@on_uvloop
async def test_a_waiting_client_that_leaves_frees_its_place(how: str) -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await goes_on.wait()
        await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port, slots=1) as front:
        served = asyncio.create_task(front.ask(post()))
        await until(lambda: len(replica.turns) == 1)
        waiting = await front.client()
        await waiting.send(post())
        await until(lambda: front.owner.load()["smol"].waiting == 1)
        await leave(waiting, how)
        outcome = await front.recorded()
        assert (outcome.code, outcome.status, outcome.tries) == ("client_gone", 0, 0)
        assert front.owner.load()["smol"].waiting == 0
        goes_on.set()
        assert (await served).body == b"well"
        assert len(replica.turns) == 1


@on_uvloop
async def test_a_client_that_leaves_while_its_body_comes() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post()[:-5])
        await until(lambda: front.server.held > 0)
        await leave(client, "reset")
        assert (await front.recorded()).code == "client_gone"
        await nothing_left(front)
        assert not replica.turns


@on_uvloop
async def test_a_client_that_leaves_at_once_is_recorded_all_the_same() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        sock = socket.create_connection(("127.0.0.1", front.port))
        sock.sendall(post())
        sock.close()
        assert (await front.recorded()).code in ("client_gone", "")
        await nothing_left(front)


@on_uvloop
async def test_a_slow_reader_stops_its_replica() -> None:
    """Its own memory is bounded: by the socket's buffers and one of ours."""
    piece = chunk(b"x" * 16_000)
    sent = 0

    async def script(turn: Turn) -> None:
        nonlocal sent
        await turn.send(EVENTS)
        for _ in range(4000):
            await turn.send(piece)
            sent += 1
        await turn.send(b"0\r\n\r\n")

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(post(STREAM))
        connection = await served(front)
        await until(lambda: connection.client.paused)
        replica_side = replica.turns[0].writer.transport
        await until(lambda: replica_side.get_write_buffer_size() > 0 and connection.client.paused)
        assert sent < 4000
        assert connection._transport.get_write_buffer_size() < 1 << 20
        client.reader._transport.resume_reading()  # type: ignore[attr-defined]
        answer = await client.answer()
        assert answer.body == b"x" * 16_000 * 4000
        assert front.busy == 0


@on_uvloop
async def test_a_client_that_stops_reading_for_good_loses_its_slot() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS)
        while True:
            await turn.send(chunk(b"x" * 16_000))

    quick = replace(QUICK, stall_seconds=0.2)
    async with Replica.running(script) as replica, gateway(replica.port, limits=quick) as front:
        client = await front.client()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(post(STREAM))
        assert (await front.recorded()).code == "client_stalled"
        await nothing_left(front)


@on_uvloop
async def test_peers_that_vanish_without_a_word_are_probed_for() -> None:
    """Both sides: nothing is sent while a request waits, so nothing could fail."""
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post())
        assert (await client.answer()).body == b"well"
        (connection,) = front.server.connections
        (idle,) = front.exchanges._tries._upstreams._idle.values()
        for transport in (connection._transport, idle[0].transport):
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


@on_uvloop
async def test_pipelined_requests_are_answered_in_turn() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(plain(b"%d" % turn.number))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post() * 5)
        assert [(await client.answer()).body for _ in range(5)] == [b"1", b"2", b"3", b"4", b"5"]
        assert replica.connections == 1


@on_uvloop
async def test_what_is_sent_ahead_is_bounded() -> None:
    """A client may not fill memory by sending on, and is still seen to leave."""
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await goes_on.wait()
        await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post())
        await until(lambda: len(replica.turns) == 1)
        await client.send(b"x" * (4 << 20))
        connection = await served(front)
        assert connection._intake.reader.ahead <= QUICK.pipelined + (1 << 18)
        goes_on.set()
        assert (await client.answer()).body == b"well"
        assert await client.closed()
        assert len(replica.turns) == 1


@on_uvloop
async def test_two_thousand_idle_connections() -> None:
    """A few KiB each, the client's side included, and requests between them are served."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        assert (await front.ask(post())).body == b"well"
        before = resident()
        idle = [await front.client() for _ in range(2000)]
        await until(lambda: len(front.server.connections) == 2000)
        assert (await front.ask(post())).body == b"well"
        assert resident() - before < 2000 * 32 * 1024
        for client in idle:
            client.writer.close()
        await nothing_left(front)


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


@on_uvloop
async def test_too_many_connections_are_told_so() -> None:
    quick = replace(QUICK, connections=2)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        first, second = await front.client(), await front.client()
        for client in (first, second):
            await client.send(post()[:-5])
        await until(lambda: front.server.held > 2 * len(BODY) - 11)
        third = await front.client()
        assert (await third.answer()).status == 503
        assert await third.closed()
        third.writer.close()
        first.writer.close()
        await until(lambda: len(front.server.connections) == 1)
        assert (await front.ask(post())).body == b"well"
        second.writer.close()


@pytest.mark.parametrize(
    "sent", [b"", b"POST / HTTP/1.1\r\nHost: "], ids=["nothing", "half a head"]
)
@on_uvloop
async def test_who_sends_no_request_makes_room_for_who_does(sent: bytes) -> None:
    quick = replace(QUICK, connections=3)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        served = await front.client()
        await served.send(post()[:-5])
        idle = [await front.client() for _ in range(2)]
        for client in idle:
            await client.send(sent)
        await until(lambda: front.server.held >= len(BODY) - 5 + 2 * len(sent))
        assert (await front.ask(post())).body == b"well"
        if sent:
            assert json.loads((await idle[0].answer()).body)["error"]["code"] == "heads"
        assert await idle[0].closed()
        await served.send(BODY[-5:])
        assert (await served.answer()).body == b"well"


@on_uvloop
async def test_unfinished_heads_are_bounded_together_and_the_oldest_go() -> None:
    quick = replace(QUICK, heads=10_000)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        half = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nX-A: " + b"a" * 3000
        clients = []
        for count in range(1, 9):
            clients.append(await front.client())
            await clients[-1].send(half)
            await until(lambda: len(front.server.connections) == min(3, count))  # noqa: B023
            await until(lambda: front.server.held == min(3, count) * len(half))  # noqa: B023
        for client in clients[:5]:
            answer = await client.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert json.loads(answer.body)["error"]["code"] == "heads"
        assert (await front.ask(post())).body == b"well"
        await clients[-1].send(b"\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert (await clients[-1].answer()).body == b"well"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [(post()[:20], 408, "slow_head"), (post()[:-5], 408, "slow_body")],
    ids=["head", "body"],
)
@on_uvloop
async def test_slow_clients_are_told_so(sent: bytes, status: int, code: str) -> None:
    quick = replace(QUICK, head_seconds=0.05, body_seconds=0.05)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        client = await front.client()
        await client.send(sent)
        answer = await client.answer()
        assert answer.status == status
        assert json.loads(answer.body)["error"]["code"] == code
        assert await client.closed()
        outcome = await front.recorded()
        assert (outcome.status, outcome.code) == (status, code)
        assert not replica.turns


@on_uvloop
async def test_idle_connections_are_closed() -> None:
    quick = replace(QUICK, idle_seconds=0.05)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        assert await (await front.client()).closed()
        client = await front.client()
        await client.send(post())
        assert (await client.answer()).body == b"well"
        assert await client.closed()
        assert len(front.outcomes) == 1


@on_uvloop
async def test_a_client_that_expects_100_gets_it_only_when_its_body_is_wanted() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        request = post(head=b"Expect: 100-continue\r\n")
        await client.send(request[: -len(BODY)])
        await client.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        await client.send(BODY)
        assert (await client.answer()).body == b"well"
        assert b"expect" not in replica.turns[0].head

        other = await front.client()
        await other.send(request[: -len(BODY)].replace(b"/v1/chat/completions", b"/slots"))
        answer = await other.answer()
        assert answer.status == 404
        assert b"100 Continue" not in answer.raw
        assert await other.closed()


@on_uvloop
async def test_an_answer_before_the_end_of_a_body_arrives() -> None:
    """The rest of the body is read and forgotten: unread, it would reset the connection."""
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        body = b"x" * (8 << 20)
        await client.send(post(body, path=b"/slots"))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (404, "close")
        assert await client.closed()


@on_uvloop
async def test_bodies_that_are_held_are_bounded_together() -> None:
    quick = replace(QUICK, bodies=2000)
    async with Replica.running(WELL) as replica, gateway(replica.port, limits=quick) as front:
        one = await front.client()
        await one.send(post(b" " * 900 + BODY)[:-5])
        await until(lambda: front.server.held > 900)
        answer = await front.ask(post(b" " * 900 + BODY))
        assert answer.status == 503
        assert json.loads(answer.body)["error"]["code"] == "bodies"
        await one.send(BODY[-5:])
        assert (await one.answer()).body == b"well"
        assert (await front.ask(post(b" " * 900 + BODY))).body == b"well"


@on_uvloop
async def test_a_drain_lets_requests_end_and_takes_no_more() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await turn.send(EVENTS + chunk(EVENT))
        await goes_on.wait()
        if turn.number == 1:
            await turn.send(chunk(EVENT) + b"0\r\n\r\n")
        else:
            await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        streaming, waiting, idle = [await front.client() for _ in range(3)]
        await streaming.send(post(STREAM))
        await streaming.until(EVENT)
        await waiting.send(post())
        await until(lambda: len(replica.turns) == 2)
        drained = asyncio.create_task(front.server.drain(20))
        assert await idle.closed()
        with pytest.raises(ConnectionError):
            await front.client()
        goes_on.set()
        assert (await streaming.answer()).body == EVENT * 2
        answer = await waiting.answer()
        assert (answer.body, answer.headers["connection"]) == (b"well", "close")
        assert await streaming.closed()
        assert await drained == 0


@on_uvloop
async def test_a_drain_breaks_off_what_lasts_too_long() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await turn.client_gone()
        turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(EVENT)
        assert await front.server.drain(0.01) == 1
        assert (await client.answer()).cut
        assert (await front.recorded()).code == "stopping"


async def served(front: Front):  # type: ignore[no-untyped-def]
    """The connection of the only client."""
    await until(lambda: any(c.client.request is not None for c in front.server.connections))
    return next(c for c in front.server.connections if c.client.request is not None)
