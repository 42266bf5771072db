"""What does a client see when replicas die, and where do its slots go?"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from llmstack.routing.messages import Ending
from tests.integration.gateway.raw import (
    EVENTS,
    QUICK,
    STREAM,
    Front,
    Replica,
    Script,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
    until,
)

EVENT = b'data: {"n": 1}\n\n'
LOADING = plain(
    b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
    b"503 Service Unavailable",
)


def sends(*pieces: bytes, then: str = "") -> Script:
    """A replica that always sends these bytes, then closes, resets, or stays."""

    async def script(turn: Turn) -> None:
        await turn.send(*pieces)
        if then == "close":
            turn.close()
        elif then == "reset":
            turn.reset()

    return script


WELL = sends(plain(b"well"))


def endings(front: Front) -> list[Ending]:
    """How all leases ended, from now on."""
    found: list[Ending] = []
    release = front.owner.release

    def noted(lease: int, ending: Ending) -> None:
        found.append(ending)
        release(lease, ending)

    front.owner.release = noted  # type: ignore[method-assign]
    return found


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
async def test_other_errors_of_a_replica_pass_untouched(status: int) -> None:
    said = plain(b'{"error": "so it is"}', b"%d Odd" % status, b"Retry-After: 7\r\n")
    async with Replica.running(sends(said)) as replica, gateway(replica.port) as front:
        ended = endings(front)
        answer = await front.ask(post())
        assert (answer.status, answer.body) == (status, b'{"error": "so it is"}')
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
        gateway(a.port, b.port, c.port, limits=replace(QUICK, resends=1)) as front,
    ):
        assert (await front.ask(post())).status == 502
        assert sum(len(replica.turns) for replica in (a, b, c)) == 2


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
            assert await client.closed()
            outcome = await front.recorded()
            assert (outcome.status, outcome.code) == (200, "replica_failed")
            assert ended == [Ending.FAILED]

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
async def test_a_body_that_ends_with_its_connection() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

    async def script(turn: Turn) -> None:
        await turn.send(said, b"one ", b"two")
        turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        answer = await front.ask(post())
        assert (answer.body, answer.cut) == (b"one two", False)


@on_uvloop
async def test_a_used_connection_that_died_is_replaced_once() -> None:
    async def script(turn: Turn) -> None:
        if turn.number == 2:
            turn.reset()  # As when llama-server closes an idle connection while a request comes.
        else:
            await turn.send(plain(b"well"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        ended = endings(front)
        for count in (1, 2):
            assert (await front.ask(post())).body == b"well"
            assert (await front.recorded(count)).tries == 1
        assert len(replica.turns) == 3
        assert replica.connections == 2
        assert ended == [Ending.DONE, Ending.DONE]


@on_uvloop
async def test_a_used_connection_that_died_is_replaced_only_once() -> None:
    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await turn.send(plain(b"well"))
        else:
            turn.reset()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        assert (await front.ask(post())).body == b"well"
        assert (await front.ask(post())).status == 502
        assert len(replica.turns) == 3


@pytest.mark.parametrize("sent", [b"HTTP/1.1 ", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
@on_uvloop
async def test_a_used_connection_that_has_begun_to_answer_is_not_replaced(sent: bytes) -> None:
    async def script(turn: Turn) -> None:
        if turn.number == 1:
            await turn.send(plain(b"well"))
        else:
            await turn.send(sent)
            turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        assert (await front.ask(post())).body == b"well"
        assert (await front.ask(post())).status == 502
        assert len(replica.turns) == 2


@pytest.mark.parametrize(
    "said",
    [
        plain(b"well", head=b"Connection: close\r\n"),
        plain(b"well") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
        plain(b"well").replace(b"1.1", b"1.0"),
    ],
    ids=["close", "bytes after the end", "HTTP/1.0"],
)
@on_uvloop
async def test_an_unclean_connection_is_not_used_again(said: bytes) -> None:
    async with Replica.running(sends(said)) as replica, gateway(replica.port) as front:
        client = await front.client()
        for _ in range(3):
            await client.send(post())
            assert (await client.answer()).body == b"well"
        assert replica.connections == 3


@on_uvloop
async def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    asked = asyncio.Event()

    async def script(turn: Turn) -> None:
        await turn.send(plain(b"well"))
        if turn.number == 1:
            await asked.wait()
            await turn.send(plain(b"EVIL"))
            await turn.client_gone()
            turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        assert (await front.ask(post())).body == b"well"
        asked.set()
        await until(replica.turns[0].writer.is_closing)
        assert (await front.ask(post())).body == b"well"
        assert replica.connections == 2


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
