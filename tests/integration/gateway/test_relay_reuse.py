"""When is a connection to a replica used again, and what if it died meanwhile?"""

from __future__ import annotations

import asyncio

import pytest

from llmstack.routing.messages import Ending
from tests.integration.gateway.dying import endings, sends
from tests.integration.gateway.raw import Replica, Turn, gateway, on_uvloop, plain, post, until


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
        assert replica.connections == 3, "one of them to see whether it lives"
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
