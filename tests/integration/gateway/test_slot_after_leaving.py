"""How soon is a slot free after its client has left, on a real llama-server?

Measured in tokens of another stream, which the same server decodes meanwhile: a clock that is slow
where the machine is slow. With two slots the third request begins in the slot that was left.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.gateway.leaving import MODEL
from tests.support.gateway import Gateway
from tests.support.llama.client import Client, Exchange
from tests.support.llama.real import RealLlama

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = {"n_predict": 900, "ignore_eos": True, "stream": True}
SHORT = {"n_predict": 1, "stream": True}
SECONDS = {True: 0.5, False: 2.0}
"""A stream's client is missed at the next token, another's within a second (look in the server),
and then a poll has to show it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    real_generator: RealLlama, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    (directory / "key").write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    async with Gateway.running(directory, [{"name": MODEL, "backends": [backend]}]) as running:
        await running.loaded(MODEL, ready=1)
        yield running


def prompt(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "prompt": secrets.token_hex(4), **fields}


class Clock:
    """A stream that decodes: its tokens, and how many come in a second."""

    def __init__(self, exchange: Exchange) -> None:
        self.tokens = 0
        self._exchange = exchange
        self._began = 0.0
        self._task = asyncio.create_task(self._count())

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        async for _ in self._exchange.events():
            self._began = self._began or loop.time()
            self.tokens += 1

    async def has(self, tokens: int) -> None:
        while self.tokens < tokens:
            assert not self._task.done(), "the stream ended too early to tell the time"
            await asyncio.sleep(0.01)

    @property
    def per_second(self) -> float:
        return self.tokens / (asyncio.get_running_loop().time() - self._began)

    def stop(self) -> None:
        self._task.cancel()


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "not streamed"])
async def test_the_next_request_begins_while_another_stream_gets_a_few_tokens(
    gateway: Gateway, streamed: bool, record_property: Callable[[str, object], None]
) -> None:
    client = Client(gateway.address[1])
    async with client.sending("/completion", prompt(**STREAM)) as running:
        clock = Clock(running)
        await clock.has(20)
        leaver = await client.send("/completion", prompt(**STREAM | {"stream": streamed}))
        await gateway.loaded(MODEL, busy=2)
        await clock.has(clock.tokens + 10)
        next_one = asyncio.create_task(client.post("/completion", prompt(**SHORT)))
        await gateway.loaded(MODEL, waiting=1)
        before = clock.tokens
        leaver.close()
        assert (await next_one).status == 200
        took = clock.tokens - before
        record_property("tokens of the other stream", took)
        assert took <= max(10, SECONDS[streamed] * clock.per_second)
        clock.stop()
    await gateway.loaded(MODEL, busy=0, draining=0, waiting=0)
