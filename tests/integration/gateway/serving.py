"""A gateway before fake llama-servers, and clients of it: what the tests of its promises share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from llmstack.routing.view import owner_among
from tests.support import waiting
from tests.support.gateway import Gateway
from tests.support.gateways import Front, Gateways
from tests.support.llama.fake import FakeLlama
from tests.support.llama.shape import Shape
from tests.support.said import SAID

until = partial(waiting.until, seconds=30)
MODEL = "qwen"
SEVERAL: ContextVar[bool] = ContextVar("SEVERAL", default=False)
"""True where serving() starts three gateways, and clients reach one that does not own the model."""
CHAT = "/v1/chat/completions"
SLOW = Shape(slots=2, decode=20, prefill=20_000)
"""A request of 100 tokens holds its slot for 5 seconds."""
FAST = Shape(slots=2, decode=1000)


@dataclass
class Answered:
    """One answer, read to its end; `cut` if it ended before its time."""

    status: int
    headers: dict[str, str]
    text: bytes
    cut: bool = False
    events: list[Any] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The error's code, in OpenAI's shape and no other."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return str(error["code"])


class Serving:
    """A gateway and the servers behind it; the first model's are `llamas`."""

    def __init__(self, gateway: Gateway, llamas: list[FakeLlama]) -> None:
        self.gateway = gateway
        self.llamas = llamas

    async def ask(
        self,
        path: str = CHAT,
        *,
        headers: dict[str, str] | None = None,
        method: str = "POST",
        **body: Any,
    ) -> Answered:
        """One request, to its end."""
        for name in ("Authorization", "X-Api-Key"):
            SAID.give((headers or {}).get(name, "").removeprefix("Bearer "))
        async with aiohttp.ClientSession() as session:
            sent = None if method == "GET" else chat(**body)
            async with session.request(
                method, self.gateway.url + path, json=sent, headers=headers
            ) as answer:
                return await _read(answer)

    def begin(self, **body: Any) -> asyncio.Task[Answered]:
        """The same, not waited for; cancelled, the client is gone."""
        return asyncio.create_task(self.ask(**body))

    async def holding(self, count: int, **body: Any) -> list[asyncio.Task[Answered]]:
        """So many requests that compute, each in a slot of its own for some seconds."""
        before = (await self.gateway.load())[MODEL]["busy"]
        tasks = [self.begin(max_tokens=100, **body) for _ in range(count)]
        await self.gateway.loaded(MODEL, busy=before + count)
        return tasks

    async def heard_of(self, slots: int) -> None:
        """Until the gateway knows of so many slots; one that owns the model does at once."""

        async def heard() -> bool:
            answer = await self.ask(f"/v1/models/{MODEL}", method="GET")
            return bool(answer.json["slots"]["total"] == slots)

        await until_it(heard)

    async def waiting(self, count: int) -> None:
        """Until so many requests are in the queue."""
        await self.gateway.loaded(MODEL, waiting=count)

    @property
    def deferrals(self) -> int:
        """How often did a server find no slot for a request?"""
        return sum(llama.deferrals for llama in self.llamas)


def chat(**fields: Any) -> dict[str, Any]:
    """The body of a chat."""
    return {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}


@asynccontextmanager
async def serving(
    folder: Path, *shapes: Shape, model: dict[str, Any] | None = None, **config: Any
) -> AsyncIterator[Serving]:
    """One model with a replica for each shape; `model` and `config` are further fields."""
    async with AsyncExitStack() as stack:
        llamas = [await stack.enter_async_context(FakeLlama.running(shape)) for shape in shapes]
        entry = described(*llamas, **(model or {}))
        if SEVERAL.get():
            gateway: Any = await stack.enter_async_context(_front(folder, entry, config))
        else:
            gateway = await stack.enter_async_context(Gateway.running(folder, [entry], **config))
        await gateway.loaded(MODEL, ready=len(llamas))
        yield Serving(gateway, llamas)


@asynccontextmanager
async def _front(
    folder: Path, entry: dict[str, Any], config: dict[str, Any]
) -> AsyncIterator[Front]:
    """One of three gateways, which does not own the model."""
    async with Gateways.before(folder, [entry], 3, **config) as gateways:
        await gateways.together(3)
        owner = owner_among(tuple(sorted(gateways.names)), MODEL)
        yield Front(gateways, next(name for name in gateways.names if name != owner))


def described(*llamas: FakeLlama, **fields: Any) -> dict[str, Any]:
    """A model's entry in the configuration."""
    return {"name": MODEL, "backends": [{"url": llama.url} for llama in llamas], **fields}


async def until_it(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what another process is asked for."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - it has no event here
            await asyncio.sleep(0.1)


async def gone(*tasks: asyncio.Task[Answered]) -> None:
    """These clients leave."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _read(answer: aiohttp.ClientResponse) -> Answered:
    text, cut = b"", False
    try:
        async for piece in answer.content.iter_any():
            text += piece
    except aiohttp.ClientPayloadError:
        cut = True
    headers = {name.lower(): value for name, value in answer.headers.items()}
    SAID.note("an answer of the gateway", f"{headers} {text.decode(errors='replace')}")
    events = [
        line.removeprefix("data: ")
        for line in text.decode().splitlines()
        if line.startswith("data: ") and answer.content_type == "text/event-stream"
    ]
    parsed = [event if event == "[DONE]" else json.loads(event) for event in events]
    return Answered(answer.status, headers, text, cut, parsed)
