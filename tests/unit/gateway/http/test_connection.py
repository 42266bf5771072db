"""When has a client stopped reading? Seen on the bytes that wait for it, at given moments."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from llmstack.gateway.http.connection import Connection
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.limits import Limits
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.turns import Turns

STALL = Limits().stall_seconds


class Transport(asyncio.Transport):
    """Holds as many bytes as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.held = 0
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
        self.held = 0
        self.turns = Turns()
        self.connections: set[Connection] = set()

    def serve(self, client: Connection) -> Coroutine[None, None, None]:
        raise AssertionError

    def refuse(self, client: Connection, fault: Malformed) -> None:
        raise AssertionError

    def heard(self, relay: Relay, now: float) -> None:
        raise AssertionError

    def tick(self, now: float) -> None:
        raise AssertionError

    def left(self, connection: Connection) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("waiting", "gone"),
    [
        ([100, 100, 100], True),
        ([100, 99, 98, 97], False),
        ([100, 99, 99, 99], True),
        ([100, 200, 300, 400], False),
    ],
    ids=["reads nothing", "reads a byte at a time", "stops reading", "is written to"],
)
async def test_who_takes_no_byte_for_too_long_has_left(waiting: list[int], gone: bool) -> None:
    """A look each two thirds of the time that is allowed."""
    loop = asyncio.get_running_loop()
    transport = Transport()
    connection = Connection(Nobody(), loop)
    connection.connection_made(transport)
    connection.pause_writing()
    began = loop.time()
    for look, held in enumerate(waiting):
        transport.held = held
        connection.tick(began + look * STALL * 2 / 3)
    assert transport.aborted is gone
    assert connection.why_gone == ("client_stalled" if gone else "client_gone")


async def test_a_client_that_left_as_its_answer_begins_is_not_written_to() -> None:
    transport = Transport()
    connection = Connection(Nobody(), asyncio.get_running_loop())
    connection.connection_made(transport)
    transport.abort()
    connection.begin(b"first")(b"next")


async def test_each_chunk_goes_straight_to_the_transport_of_a_client_that_is_there() -> None:
    transport = Transport()
    connection = Connection(Nobody(), asyncio.get_running_loop())
    connection.connection_made(transport)
    assert connection.begin(b"first") == transport.write
