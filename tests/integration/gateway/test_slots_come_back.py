"""When are slots given out again whose requests do not end as they should?

Polls are made here: what a replica shows in `/slots`, and when.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from llmstack.routing.lease import SlotsSeen
from tests.integration.gateway.dying import EVENT
from tests.integration.gateway.raw import (
    EVENTS,
    PATIENCE,
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

LOST = 10.0
LIMITS = replace(QUICK, lost_seconds=LOST)


class Polls:
    """Of the one replica, a second apart, whatever time it is."""

    def __init__(self, front: Front, slots: int = 2) -> None:
        self.front = front
        self.slots = slots
        self.at = time.monotonic()

    def show(self, leases: Mapping[int, int] | None, waiting: frozenset[int] = frozenset()) -> None:
        self.at = max(self.at + 1, time.monotonic() + 1)
        busy = sum(leases.values()) if leases else 0
        seen = SlotsSeen(self.at, self.slots, busy, leases, waiting)
        self.front.owner.seen("smol", "replica-0", seen)


async def silent(turn: Turn) -> None:
    """Takes a request, answers nothing, and keeps the connection."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("begun", [False, True], ids=["never seen", "ended by the server"])
def test_a_request_without_a_trace_is_answered_with_504(begun: bool) -> None:
    @on_uvloop
    async def test() -> None:
        left = asyncio.Event()

        async def script(turn: Turn) -> None:
            await turn.client_gone()
            left.set()

        async with (
            Replica.running(script) as replica,
            gateway(replica.port, limits=LIMITS) as front,
        ):
            polls = Polls(front)
            polls.show({})
            client = await front.client()
            await client.send(post())
            await until(lambda: replica.turns)
            if begun:
                polls.show({1: 1})
            for _ in range(int(LOST)):
                polls.show({})
                assert not front.outcomes
            polls.show({})
            answer = await client.answer()
            error = json.loads(answer.body)["error"]
            assert (answer.status, error["code"]) == (504, "no_answer")
            assert set(error) == {"message", "type", "param", "code"}
            await left.wait()
            assert (await front.recorded()).code == "no_answer"
            polls.show({})
            assert front.busy == 0
            assert len(replica.turns) == 1

    test()


@pytest.mark.parametrize(
    ("leases", "waiting"),
    [({1: 1}, []), ({}, [1]), (None, [])],
    ids=["it computes", "it is tokenised or fetched", "the replica shows no leases"],
)
def test_a_request_is_waited_for_where_there_is_a_trace_or_nobody_can_tell(
    leases: Mapping[int, int] | None, waiting: list[int]
) -> None:
    @on_uvloop
    async def test() -> None:
        goes_on = asyncio.Event()

        async def script(turn: Turn) -> None:
            await goes_on.wait()
            await turn.send(plain(b"well"))

        async with (
            Replica.running(script) as replica,
            gateway(replica.port, limits=LIMITS) as front,
        ):
            polls = Polls(front)
            polls.show(None if leases is None else {})
            client = await front.client()
            await client.send(post())
            await until(lambda: replica.turns)
            for _ in range(10 * int(LOST)):
                polls.show(leases, frozenset(waiting))
            goes_on.set()
            assert (await client.answer()).body == b"well"

    test()


@on_uvloop
async def test_an_answer_that_has_begun_is_never_cut_for_want_of_a_trace() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await goes_on.wait()
        await turn.send(chunk(EVENT) + b"0\r\n\r\n")

    async with Replica.running(script) as replica, gateway(replica.port, limits=LIMITS) as front:
        polls = Polls(front)
        polls.show({})
        client = await front.client()
        await client.send(post(STREAM))
        await client.until(EVENT)
        for _ in range(10 * int(LOST)):
            polls.show({})
        goes_on.set()
        assert (await client.answer()).body == 2 * EVENT


@on_uvloop
async def test_a_slow_readers_slot_is_free_when_its_server_is_through() -> None:
    """Another request gets it, and the slow reader gets all of its answer."""
    size = 64 * 1024 * 1024

    async def script(turn: Turn) -> None:
        await turn.send(plain(b"x" * size if turn.number == 1 else b"well"))

    async with (
        Replica.running(script) as replica,
        gateway(replica.port, limits=LIMITS, slots=1) as front,
    ):
        polls = Polls(front, slots=1)
        polls.show({})
        slow = await front.client()
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await slow.send(post())
        await until(
            lambda: any(connection.client.paused for connection in front.server.connections)
        )
        other = await front.client()
        await other.send(post())
        await until(lambda: front.owner.load()["smol"].waiting == 1)
        polls.show({1: 1})
        assert front.owner.load()["smol"].waiting == 1
        polls.show({})
        assert (await other.answer()).body == b"well"
        assert not front.busy
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert len((await slow.answer()).body) == size
        assert (await front.recorded(2)).code == ""
        assert not front.busy


@on_uvloop
async def test_a_connection_that_the_replica_keeps_does_not_keep_the_lease() -> None:
    async with Replica.running(silent) as replica, gateway(replica.port) as front:
        polls = Polls(front)
        polls.show({})
        client = await front.client()
        await client.send(post())
        await until(lambda: replica.turns)
        polls.show({1: 1})
        client.writer.close()
        await until(lambda: front.owner.load()["smol"].draining == 1)
        polls.show({1: 1})
        assert front.busy == 1
        polls.show({})
        assert front.busy == 0


@on_uvloop
async def test_nor_for_longer_than_the_limit_where_it_shows_no_leases() -> None:
    limits = replace(QUICK, leave_seconds=0.2)
    async with Replica.running(silent) as replica, gateway(replica.port, limits=limits) as front:
        polls = Polls(front)
        client = await front.client()
        await client.send(post())
        await until(lambda: replica.turns)
        client.writer.close()
        await until(lambda: front.owner.load()["smol"].draining == 1)
        assert replica.turns[0].reader.at_eof()
        polls.show(None)
        assert front.busy == 0


@on_uvloop
async def test_who_reads_too_slowly_all_the_time_is_cut_off() -> None:
    """Though something is taken in each moment that is looked at."""
    limits = replace(QUICK, stall_seconds=0.5, read_rate=1 << 30)

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS)
        while True:
            await turn.send(chunk(b"x" * 16_000))

    async with Replica.running(script) as replica, gateway(replica.port, limits=limits) as front:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", front.port)) as client:
            client.setblocking(False)
            await loop.sock_sendall(client, post(STREAM))
            async with asyncio.timeout(PATIENCE):
                with contextlib.suppress(ConnectionError):
                    while await loop.sock_recv(client, 16_000):  # noqa: ASYNC110 - its pace
                        await asyncio.sleep(0.01)
            assert (await front.recorded()).code == "client_stalled"
