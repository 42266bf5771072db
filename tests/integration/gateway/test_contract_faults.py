"""Does the fake llama-server fail as asked? Tests of the gateway's answers to faults rely on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.llama.client import Broken, Client, holds
from tests.support.llama.fake import FakeLlama
from tests.support.llama.faults import Death
from tests.support.llama.shape import Shape

TEXT = {"prompt": "Hi", "max_tokens": 8}


@pytest.mark.parametrize(
    ("death", "events", "came"),
    [(Death.BEFORE, 1, 0), (Death.DURING, 1, 0), (Death.AFTER, 1, 1), (Death.AFTER, 3, 3)],
    ids=str,
)
async def test_a_stream_dies_when_told_to_and_frees_its_slot(
    death: Death, events: int, came: int
) -> None:
    async with FakeLlama.running() as server:
        server.set_faults(death=death, events=events)
        client = Client(server.port)
        async with client.sending("/v1/completions", TEXT | {"stream": True}) as exchange:
            with pytest.raises(Broken):
                await exchange.whole()
        assert exchange.reply.body.count(b"data: ") == came
        assert (await client.post("/v1/completions", TEXT)).status == 200
        assert server.engine.processing == 0


async def test_a_plain_answer_dies_in_its_body() -> None:
    async with FakeLlama.running() as server:
        server.set_faults(death=Death.AFTER)
        async with Client(server.port).sending("/v1/completions", TEXT) as exchange:
            with pytest.raises(Broken):
                await exchange.whole()
        assert exchange.reply.status == 200
        assert len(exchange.reply.body) == 10


async def test_a_wedged_server_is_healthy_and_says_nothing_of_its_slots() -> None:
    async with FakeLlama.running() as server:
        server.set_faults(hang_slots=True, freeze=True)
        client = Client(server.port)
        assert (await client.get("/health")).status == 200
        async with client.sending("/slots") as slots, client.sending("/completion", TEXT) as work:
            done, _ = await asyncio.wait(
                [asyncio.create_task(slots.whole()), asyncio.create_task(work.whole())], timeout=0.2
            )
            assert not done


async def test_it_comes_back_at_its_port_with_fewer_slots() -> None:
    async with FakeLlama.running(Shape(slots=3)) as server:
        client = Client(server.port)
        async with client.sending("/completion", {"prompt": "a", "n_predict": 4000}) as exchange:
            await holds(client.busy)
            await server.restart(Shape(slots=1, loading=0.1))
            with pytest.raises((Broken, ConnectionError)):
                await exchange.whole()
        assert (await client.get("/health")).status == 503
        await holds(loaded, client)
        assert (await client.get("/props")).json()["total_slots"] == 1
        assert await client.busy() == 0


async def test_it_answers_the_same_bytes_to_the_same_request() -> None:
    async with FakeLlama.running(Shape(prefix_cache=False)) as server:
        client = Client(server.port)
        one, other = [await client.post("/v1/completions", TEXT | {"stream": True}) for _ in "12"]
    assert one.body == other.body


@pytest.fixture
def program() -> Iterator[Client]:
    command = [sys.executable, "-m", "tests.support.llama.fake", "--slots", "1", "--key", "k"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield Client(int(process.stdout.readline().rpartition(":")[2]), "k")
    finally:
        process.kill()
        process.communicate()


async def test_it_runs_as_a_program_that_tells_what_it_counted(program: Client) -> None:
    for _ in range(2):
        await program.post("/v1/completions", TEXT | {"prompt": ["a", "b"]})
    counted = (await program.get("/fake")).json()
    assert counted == {"deferrals": 2, "requests": 2, "processing": 0}
    await program.post("/fake", {"death": Death.GARBAGE.value})
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    body = json.dumps(TEXT).encode()
    head = f"POST /completion HTTP/1.1\r\nX-Api-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    assert not (await reader.read()).startswith(b"HTTP")
    writer.close()


async def loaded(client: Client) -> bool:
    return (await client.get("/health")).status == 200
