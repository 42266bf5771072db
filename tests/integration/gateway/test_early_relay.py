"""What becomes of any answer of a replica, once its client has a head already? Bytes by script."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from llmstack.routing.budget import QueueLimits
from llmstack.routing.slots import SlotsSeen
from tests.integration.gateway.raw import (
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

EARLY = replace(QUICK, early_seconds=0.02)
COMMENT = b": waiting\n\n"
EVENT = b'data: {"n": 1}\n\n'
OF_EVENTS = b"Content-Type: text/event-stream\r\n"
ERROR = b'{"error": {"code": 400, "message": "too long", "type": "t"}}'
CHUNKED_ERROR = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"


def comes(front: Front) -> None:
    """The replica is up."""
    front.owner.replica_up("smol", "replica-0", 2)
    front.owner.seen("smol", "replica-0", SlotsSeen(time.monotonic(), 2, 0))


async def waits(front: Front) -> Raw:
    """A client that has heard a comment."""
    front.owner.replica_down("smol", "replica-0")
    client = await front.client()
    await client.send(post(STREAM))
    await client.until(COMMENT)
    return client


ANSWERS = [
    ("a stream in chunks", EVENTS + chunk(EVENT) + chunk(EVENT) + chunk(b""), EVENT * 2, 200, ""),
    ("a stream with a length", plain(EVENT, head=OF_EVENTS), EVENT, 200, ""),
    (
        "a stream until its connection's end",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + OF_EVENTS + b"\r\n" + EVENT,
        EVENT,
        200,
        "",
    ),
    ("an error", plain(ERROR, b"400 Bad Request"), b'"message":"too long"', 400, ""),
    (
        "an error in chunks",
        CHUNKED_ERROR + chunk(ERROR[:9]) + chunk(ERROR[9:]) + chunk(b""),
        b'"message":"too long"',
        400,
        "",
    ),
    ("an error without a word", plain(b"", b"500 Oops"), b"answered with 500", 500, ""),
    ("no event stream", plain(b"{}"), b"no event stream", 502, "replica_failed"),
    (
        "an error that breaks off",
        CHUNKED_ERROR + chunk(ERROR[:9]),
        b"before its answer was complete",
        502,
        "replica_failed",
    ),
    (
        "a stream that breaks off",
        EVENTS + chunk(EVENT),
        b"before its answer was complete",
        200,
        "replica_failed",
    ),
]


@pytest.mark.parametrize(
    ("sentence", "sent", "said", "status", "code"), ANSWERS, ids=[row[0] for row in ANSWERS]
)
def test_it_ends_as_a_stream(
    sentence: str, sent: bytes, said: bytes, status: int, code: str
) -> None:
    async def script(turn: Turn) -> None:
        await turn.send(sent)
        turn.close()

    @on_uvloop
    async def test() -> None:
        async with Replica.running(script) as replica, gateway(replica.port, limits=EARLY) as front:
            client = await waits(front)
            comes(front)
            answer = await client.answer()
            assert (answer.status, answer.cut) == (200, False)
            body = bytes(answer.body).replace(COMMENT, b"")
            assert said in body
            assert body.startswith(EVENT if b"data: {" in sent else b"event: error\ndata: {")
            outcome = await front.recorded()
            assert (outcome.status, outcome.code, outcome.tries) == (status, code, 1)
            client.writer.close()
            await until(lambda: front.idle)

    test()


@on_uvloop
async def test_comments_end_when_the_answer_begins_and_the_connection_serves_on() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, chunk(EVENT))
        await until(lambda: ticks() >= 5)
        await turn.send(chunk(EVENT), chunk(b""))

    def ticks() -> float:
        """So often has the gateway looked since the answer began."""
        return (time.monotonic() - began[0]) / EARLY.tick if began else 0

    began: list[float] = []
    async with Replica.running(script) as replica, gateway(replica.port, limits=EARLY) as front:
        client = await waits(front)
        comes(front)
        await client.until(EVENT)
        began.append(time.monotonic())
        answer = await client.answer()
        assert bytes(answer.body).endswith(EVENT * 2)
        await client.send(post(STREAM))
        again = await client.answer()
        assert bytes(again.body) == EVENT * 2
        assert again.headers["x-llmstack-replica"] == "replica-0"
        client.writer.close()


@on_uvloop
async def test_a_stop_lets_it_be_served() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, chunk(EVENT), chunk(b""))

    async with Replica.running(script) as replica, gateway(replica.port, limits=EARLY) as front:
        client = await waits(front)
        front.server.retire()
        comes(front)
        answer = await client.answer()
        assert bytes(answer.body).endswith(EVENT)
        assert await client.closed()


@on_uvloop
async def test_a_stream_hears_comments_during_a_long_prefill() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await goes_on.wait()
        await turn.send(EVENTS, chunk(EVENT), chunk(b""))

    async with Replica.running(script) as replica, gateway(replica.port, limits=EARLY) as front:
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(chunk(COMMENT) * 2)
        goes_on.set()
        answer = await client.answer()
        assert answer.status == 200
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-cache"
        assert bytes(answer.body).replace(COMMENT, b"") == EVENT
        outcome = await front.recorded()
        assert (outcome.status, outcome.code, outcome.tries) == (200, "", 1)


@on_uvloop
async def test_a_stream_hears_comments_while_it_waits_for_a_slot() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await turn.send(EVENTS, chunk(EVENT))
            await goes_on.wait()
            await turn.send(chunk(b""))
        else:
            await turn.send(EVENTS, chunk(EVENT), chunk(b""))

    async with (
        Replica.running(script) as replica,
        gateway(replica.port, limits=EARLY, slots=1) as front,
    ):
        first, second = await front.client(), await front.client()
        await first.send(post(STREAM))
        await first.until(EVENT)
        await second.send(post(STREAM))
        await second.until(COMMENT)
        assert front.owner.load()["smol"].waiting == 1
        goes_on.set()
        assert bytes((await second.answer()).body).replace(COMMENT, b"") == EVENT
        assert bytes((await first.answer()).body) == EVENT


@on_uvloop
async def test_a_refusal_after_comments_is_an_error_event_and_before_them_a_status() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, chunk(EVENT))
        await turn.client_gone()
        turn.close()

    for limits, queue, status in (
        (EARLY, QueueLimits(timeout=1.0, cold_start_timeout=60), 200),
        (QUICK, QueueLimits(timeout=0.2, cold_start_timeout=60), 504),
    ):
        async with (
            Replica.running(script) as replica,
            gateway(replica.port, limits=limits, slots=1, queue=queue) as front,
        ):
            first = await front.client()
            await first.send(post(STREAM))
            await first.until(EVENT)
            answer = await front.ask(post(STREAM))
            assert answer.status == status
            outcome = await front.recorded()
            assert (outcome.status, outcome.code) == (504, "slot_timeout")
            text = bytes(answer.body).replace(COMMENT, b"").removeprefix(b"event: error\ndata: ")
            assert json.loads(text)["error"]["code"] == "slot_timeout"
            first.writer.close()


@pytest.mark.parametrize("begun", [True, False])
@on_uvloop
async def test_an_error_of_the_replica_has_its_status_before_comments(begun: bool) -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await goes_on.wait()
        await turn.send(plain(ERROR, b"400 Bad Request"))

    limits = EARLY if begun else QUICK
    async with Replica.running(script) as replica, gateway(replica.port, limits=limits) as front:
        client = await front.client()
        await client.send(post(STREAM))
        if begun:
            await client.until(COMMENT)
        goes_on.set()
        answer = await client.answer()
        assert answer.status == (200 if begun else 400)
        assert b"too long" in answer.body
        assert (await front.recorded()).status == 400
        client.writer.close()
