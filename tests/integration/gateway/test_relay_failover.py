"""Who serves when a replica fails before its first byte? Another one, or the client is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from llmstack.routing.messages import Ending
from tests.integration.gateway.dying import LOADING, WELL, endings, sends
from tests.integration.gateway.raw import (
    EVENTS,
    QUICK,
    STREAM,
    Replica,
    Turn,
    gateway,
    on_uvloop,
    plain,
    post,
    until,
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        EVENTS,
        EVENTS + b"f\r\ndata: {",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
    ids=[
        "nothing",
        "a part of the head",
        "the head",
        "a stream's head",
        "a part of a chunk",
        "1xx",
    ],
)
def test_before_the_first_byte_another_replica_serves(sent: bytes, then: str, stream: bool) -> None:
    @on_uvloop
    async def test() -> None:
        async with (
            Replica.running(sends(sent, then=then)) as dying,
            Replica.running(WELL) as healthy,
            gateway(dying.port, healthy.port) as front,
        ):
            ended = endings(front)
            for count in (1, 2):
                answer = await front.ask(post(STREAM if stream else b'{"model": "smol"}'))
                assert (answer.status, answer.body) == (200, b"well")
                outcome = await front.recorded(count)
                assert (outcome.code, outcome.replica) == ("", "replica-1")
            assert dying.turns
            assert dying.turns[0].body == healthy.turns[0].body
            assert ended.count(Ending.DONE) == 2
            assert ended.count(Ending.FAILED) == len(dying.turns)

    test()


GARBAGE = (
    b"\x16\x03\x01\x00\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@on_uvloop
async def test_garbage_counts_as_a_fault(garbage: bytes) -> None:
    async with (
        Replica.running(sends(garbage)) as odd,
        Replica.running(WELL) as healthy,
        gateway(odd.port, healthy.port) as front,
    ):
        answer = await front.ask(post())
        assert (answer.status, answer.body) == (200, b"well")
        assert (await front.recorded()).tries == 2


@on_uvloop
async def test_a_replica_that_refuses_connections_is_passed_over() -> None:
    async with Replica.running(WELL) as healthy:
        async with Replica.running(WELL) as gone:
            pass
        async with gateway(gone.port, healthy.port) as front:
            assert (await front.ask(post())).body == b"well"
            assert (await front.recorded()).replica == "replica-1"


@on_uvloop
async def test_a_replica_that_still_loads_is_passed_over() -> None:
    async with (
        Replica.running(sends(LOADING)) as loading,
        Replica.running(WELL) as healthy,
        gateway(loading.port, healthy.port) as front,
    ):
        assert (await front.ask(post())).body == b"well"
        assert len(loading.turns) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
@on_uvloop
async def test_other_errors_of_a_replica_pass_in_our_words(status: int) -> None:
    said = plain(b'{"error": "so it is"}', b"%d Odd" % status, b"Retry-After: 7\r\n")
    async with Replica.running(sends(said)) as replica, gateway(replica.port) as front:
        ended = endings(front)
        answer = await front.ask(post())
        assert answer.status == status
        assert json.loads(answer.body)["error"]["message"] == "so it is"
        assert answer.headers["retry-after"] == "7"
        assert ended == [Ending.DONE]
        assert (await front.recorded()).code == ""


@on_uvloop
async def test_when_all_replicas_fail_the_client_is_told() -> None:
    async with (
        Replica.running(sends(then="close")) as one,
        Replica.running(sends(LOADING)) as other,
        gateway(one.port, other.port) as front,
    ):
        answer = await front.ask(post())
        assert answer.status == 502
        assert json.loads(answer.body)["error"]["code"] == "replica_failed"
        outcome = await front.recorded()
        assert (outcome.status, outcome.code, outcome.tries) == (502, "replica_failed", 2)


@on_uvloop
async def test_a_request_that_kills_replicas_does_not_kill_them_all() -> None:
    async with (
        Replica.running(sends(then="reset")) as a,
        Replica.running(sends(then="reset")) as b,
        Replica.running(sends(then="reset")) as c,
        gateway(a.port, b.port, c.port) as front,
    ):
        assert (await front.ask(post())).status == 502
        assert sum(len(replica.turns) for replica in (a, b, c)) == 2


@on_uvloop
async def test_a_replica_may_think_for_long_before_its_first_byte() -> None:
    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await until(lambda: len(replica.turns) == 4)
        await turn.send(plain(b"well"))

    quick = replace(QUICK, answer_idle_seconds=0.001, body_seconds=0.001, head_seconds=0.001)
    async with Replica.running(script) as replica, gateway(replica.port, limits=quick) as front:
        thinking = asyncio.create_task(front.ask(post()))
        await until(lambda: len(replica.turns) == 1)
        for _ in range(3):
            assert (await front.ask(post())).body == b"well"
        assert (await thinking).body == b"well"
