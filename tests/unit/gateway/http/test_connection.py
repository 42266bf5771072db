"""When has a client stopped reading? Seen on the bytes that wait for it, at given moments."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import cast

import pytest

from llmstack.gateway.http.client import Client
from llmstack.gateway.http.connection import ClientConnection
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.holdings import Holdings
from llmstack.gateway.http.lobby import Lobby
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.turns import Turns
from llmstack.settings.limits import Limits

STALL = Limits().stall_seconds


class Transport(asyncio.Transport):
    """Holds as many bytes as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings(1000, 10)
        self.lobby = Lobby(1000)
        self.turns = Turns()
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.held

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.aborted, "uvloop raises"


class Nobody:
    """A server whose clients send nothing."""

    def __init__(self) -> None:
        self.handler = self
        self.limits = Limits()
        self.draining = False
        self.holdings = Holdings(1000, 10)
        self.lobby = Lobby(1000)
        self.turns = Turns()
        self.connections: set[ClientConnection] = set()

    def serve(self, client: Client) -> Coroutine[None, None, None]:
        raise AssertionError

    def refuse(self, client: Client, fault: Malformed) -> None:
        raise AssertionError

    def heard(self, relay: Relay, now: float) -> None:
        raise AssertionError

    def tick(self, now: float) -> None:
        raise AssertionError

    def takes_form(self, path: str) -> bool:
        raise AssertionError

    def left(self, connection: ClientConnection) -> None:
        raise AssertionError


LOOK = STALL / 2
"""Seconds between two looks."""
FAIR = int(LOOK * Limits().read_rate)
"""Bytes that a client must take between two looks, on average."""


@pytest.mark.parametrize(
    ("taken", "gone"),
    [
        ([0, 0, 0], True),
        ([1] * 4, True),
        ([FAIR] * 20, False),
        ([FAIR // 2] * 3, False),
        ([FAIR // 2] * 6, True),
        ([0, 2 * FAIR] * 10, False),
        ([100 * FAIR, 0, 0, 0], True),
    ],
    ids=[
        "reads nothing",
        "a byte at a time",
        "slowly, but as it must",
        "half as fast, for a while",
        "half as fast, for long",
        "in bursts",
        "much, and then nothing",
    ],
)
async def test_who_reads_too_slowly_for_too_long_has_left(taken: list[int], gone: bool) -> None:
    loop = asyncio.get_running_loop()
    transport = Transport()
    transport.held = 1000 * FAIR
    connection = ClientConnection(Nobody(), loop)
    connection.connection_made(transport)
    connection.pause_writing()
    began = loop.time()
    for look, size in enumerate(taken, 1):
        transport.held -= size
        connection.tick(began + look * LOOK)
    assert transport.aborted is gone
    assert connection.client.why_gone == ("client_stalled" if gone else "client_gone")


async def test_a_client_that_left_as_its_answer_begins_is_not_written_to() -> None:
    transport = Transport()
    connection = ClientConnection(Nobody(), asyncio.get_running_loop())
    connection.connection_made(transport)
    transport.abort()
    connection.client.begin(b"first")(b"next")


async def test_each_chunk_goes_straight_to_the_transport_of_a_client_that_is_there() -> None:
    transport = Transport()
    connection = ClientConnection(Nobody(), asyncio.get_running_loop())
    connection.connection_made(transport)
    assert connection.client.begin(b"first") == transport.write


class Clock:
    """Of a loop on which nothing runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now


def test_who_keeps_up_between_two_pauses_gains_nothing_by_it() -> None:
    """Each pause takes up where the last one ended, but for the bytes that were taken."""
    clock, transport = Clock(), Transport()
    connection = ClientConnection(Nobody(), cast(asyncio.AbstractEventLoop, clock))
    connection.connection_made(transport)
    connection._task = cast("asyncio.Task[None]", object())  # a request that is served
    for _ in range(3):
        transport.held = 10
        connection.pause_writing()
        clock.now += LOOK
        connection.tick(clock.now)
        transport.held = 9
        connection.resume_writing()
        clock.now += 10 * LOOK
    assert transport.aborted
