"""What does a client hear while a replica starts? Against fake servers, and the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from tests.integration.gateway.conversations import ASKED, TOKENS, Endpoint
from tests.integration.gateway.serving import (
    CHAT,
    FAST,
    MODEL,
    SLOW,
    chat,
    described,
    gone,
    serving,
    until,
)
from tests.support.gateway import Gateway
from tests.support.llama.fake import FakeLlama
from tests.support.llama.faults import Death
from tests.support.llama.real import RealLlama

COMMENT = b": waiting\n\n"
PATIENCE = 120
"""Seconds; the real server has one thread, and other tests beside it."""


@pytest.fixture(autouse=True)
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads are sent after a tenth of a second: with the next tick of the gateway."""
    monkeypatch.setenv("LLMSTACK_EARLY_SECONDS", "0.1")


@asynccontextmanager
async def cold(folder: Path, cold_start: int = 60, **config: Any) -> AsyncIterator[Gateway]:
    """A gateway whose model has no replica yet."""
    queue = {"timeoutSeconds": 60, "coldStartTimeoutSeconds": cold_start}
    model = {"name": MODEL, "backends": [], "queue": queue}
    async with Gateway.running(folder, [model], **config) as gateway:
        yield gateway


class Stream:
    """One request whose head has come."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.text = b""

    async def comments(self, count: int) -> None:
        """Until so many have come; nothing else has."""
        async with asyncio.timeout(PATIENCE):
            while self.text.count(COMMENT) < count:
                self.text += await self.answer.content.readany()
        assert not self.text.replace(COMMENT, b"")

    async def rest(self) -> list[Any]:
        """The events that follow, to an end that is none before its time."""
        async with asyncio.timeout(PATIENCE):
            self.text += await self.answer.read()
        lines = self.text.replace(COMMENT, b"").decode().splitlines()
        found = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [event if event == "[DONE]" else json.loads(event) for event in found]


@asynccontextmanager
async def streaming(gateway: Gateway, path: str = CHAT, **fields: Any) -> AsyncIterator[Stream]:
    body = chat(stream=True, **fields)
    headers = {"X-Request-Id": "mine", "Origin": "https://page.example"}
    async with gateway.session.post(gateway.url + path, json=body, headers=headers) as answer:
        yield Stream(answer)


async def test_a_stream_hears_comments_until_its_replica_answers(tmp_path: Path) -> None:
    async with cold(tmp_path, cors={"origins": ["*"]}) as gateway, FakeLlama.running(FAST) as llama:
        async with streaming(gateway) as stream:
            headers = stream.answer.headers
            assert (stream.answer.status, stream.answer.content_type) == (200, "text/event-stream")
            assert headers["X-Request-Id"] == "mine"
            assert headers["Access-Control-Allow-Origin"] == "*"
            await stream.comments(2)
            gateway.rewrite([described(llama)], cors={"origins": ["*"]})
            events = await stream.rest()
        assert (await gateway.loaded(MODEL, ready=1))["busy"] == 0
        entry = await gateway.logged(request="mine")
        assert (entry["status"], entry["outcome"]) == (200, "")
        assert entry["completion_tokens"] == FAST.answer_tokens
        direct = await directly(llama)
        assert [shown(event) for event in events] == [shown(event) for event in direct]
        async with streaming(gateway) as next_one:
            assert (await next_one.rest())[-1] == "[DONE]"
            assert "X-Llmstack-Replica" in next_one.answer.headers


async def directly(llama: FakeLlama) -> list[Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(llama.url + CHAT, json=chat(stream=True)) as answer,
    ):
        return await Stream(answer).rest()


def shown(event: Any) -> Any:
    """What of an event is the same for the same request."""
    return event if event == "[DONE]" else [choice["delta"] for choice in event["choices"]]


async def test_a_cold_start_that_takes_too_long_is_an_error_event(tmp_path: Path) -> None:
    async with cold(tmp_path, cold_start=3) as gateway:
        async with streaming(gateway) as stream:
            (event,) = await stream.rest()
        assert (stream.answer.status, event["type"]) == (200, "error")
        assert event["error"]["code"] == "no_replica"
        assert set(event["error"]) == {"message", "type", "param", "code"}
        entry = await gateway.logged(request="mine")
        assert (entry["status"], entry["outcome"]) == (503, "no_replica")
        assert await gateway.metric("requests_total", status="503") == 1
        assert await gateway.metric("errors_total", reason="no_replica") == 1


async def test_a_replicas_own_error_is_an_error_event(tmp_path: Path) -> None:
    async with cold(tmp_path) as gateway, FakeLlama.running(replace(FAST, context=64)) as llama:
        words = " ".join(f"w{n}" for n in range(200))
        asked = [{"role": "user", "content": words}]
        async with streaming(gateway, messages=asked) as stream:
            await stream.comments(1)
            gateway.rewrite([described(llama)])
            (event,) = await stream.rest()
        assert event["type"] == "error"
        assert event["error"]["type"] == "exceed_context_size_error"
        entry = await gateway.logged(request="mine")
        assert (entry["status"], entry["outcome"]) == (400, "")
        load = await gateway.loaded(MODEL, busy=0, draining=0)
        assert load["ready"] == 1


async def test_a_model_that_goes_is_an_error_event(tmp_path: Path) -> None:
    async with cold(tmp_path) as gateway:
        async with streaming(gateway) as stream:
            await stream.comments(1)
            gateway.rewrite([{"name": "other", "backends": []}])
            (event,) = await stream.rest()
        assert event["error"]["code"] == "model_not_found"
        assert (await gateway.logged(request="mine"))["status"] == 404


async def test_a_replica_whose_end_was_announced_is_replaced_all_the_same(
    tmp_path: Path,
) -> None:
    async with (
        cold(tmp_path) as gateway,
        FakeLlama.running(replace(FAST, prefill=10, batch=16)) as first,
        FakeLlama.running(FAST) as second,
    ):
        words = " ".join(f"w{n}" for n in range(300))
        async with streaming(gateway, messages=[{"role": "user", "content": words}]) as stream:
            await stream.comments(1)
            gateway.rewrite([described(first)])
            await until(lambda: first.engine.processing == 1)
            gateway.rewrite([described(second)])
            up = f"replica 127.0.0.1:{second.port} of {MODEL} is ready with 2 slots"
            await gateway.logged(message=up)
            await first.die()
            assert (await stream.rest())[-1] == "[DONE]"
        entry = await gateway.logged(request="mine")
        assert (entry["status"], entry["outcome"]) == (200, "")
        assert entry["replica"] == f"127.0.0.1:{second.port}"
        assert await gateway.metric("retries_total") == 1
        assert (await gateway.load())[MODEL]["requests"] == 1


async def test_when_every_replica_fails_it_is_an_error_event(tmp_path: Path) -> None:
    async with cold(tmp_path) as gateway, FakeLlama.running(FAST) as llama:
        llama.set_faults(death=Death.BEFORE, times=100)
        async with streaming(gateway) as stream:
            await stream.comments(1)
            gateway.rewrite([described(llama)])
            (event,) = await stream.rest()
        assert event["error"]["code"] == "replica_failed"
        assert (await gateway.logged(request="mine"))["status"] == 502


async def test_a_replica_that_dies_after_its_first_byte_ends_with_an_error_event(
    tmp_path: Path,
) -> None:
    async with cold(tmp_path) as gateway, FakeLlama.running(FAST) as llama:
        llama.set_faults(death=Death.AFTER, events=3)
        async with streaming(gateway) as stream:
            await stream.comments(1)
            gateway.rewrite([described(llama)])
            events = await stream.rest()
        assert "choices" in events[0]
        assert events[-1]["error"]["code"] == "replica_failed"
        assert (await gateway.logged(request="mine"))["outcome"] == "replica_failed"


async def test_a_long_prefill_after_a_cold_start_is_no_silence(tmp_path: Path) -> None:
    shape = replace(FAST, prefill=60, batch=16)
    async with cold(tmp_path) as gateway, FakeLlama.running(shape) as llama:
        words = " ".join(f"w{n}" for n in range(180))
        async with streaming(gateway, messages=[{"role": "user", "content": words}]) as stream:
            await stream.comments(1)
            gateway.rewrite([described(llama)])
            await gateway.loaded(MODEL, busy=1)
            before = stream.text.count(COMMENT)
            await stream.comments(before + 2)
            assert (await stream.rest())[-1] == "[DONE]"


async def test_a_client_that_leaves_while_it_hears_comments_frees_its_place(
    tmp_path: Path,
) -> None:
    async with cold(tmp_path) as gateway:
        async with streaming(gateway) as stream:
            await stream.comments(1)
            await gateway.loaded(MODEL, waiting=1)
            stream.answer.close()
            await gateway.loaded(MODEL, waiting=0)
        assert (await gateway.logged(request="mine"))["outcome"] == "client_gone"


async def test_what_does_not_stream_keeps_its_status(tmp_path: Path) -> None:
    async with cold(tmp_path, cold_start=3) as gateway:
        body = chat(stream=False)
        async with gateway.session.post(gateway.url + CHAT, json=body) as answer:
            assert answer.status == 503
            assert "Retry-After" in answer.headers


async def test_a_stream_that_waits_for_slots_hears_comments_too(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW, model={"queue": {"timeoutSeconds": 3}}) as it:
        held = [it.begin(max_tokens=300) for _ in range(2)]
        await it.gateway.loaded(MODEL, busy=2)
        async with streaming(it.gateway) as stream:
            await stream.comments(1)
            (event,) = await stream.rest()
        assert (stream.answer.status, event["type"]) == (200, "error")
        assert event["error"]["code"] == "slot_timeout"
        await gone(*held)


async def test_a_queue_of_none_refuses_without_a_replica_and_counts(tmp_path: Path) -> None:
    """Whoever scales sees the request in the stream of /load, though nothing waits."""
    model = {"name": MODEL, "backends": [], "queue": {"maxRequests": 0}}
    async with Gateway.running(tmp_path, [model]) as gateway:
        assert (await gateway.loaded(MODEL))["requests"] == 0
        following = asyncio.create_task(gateway.loaded(MODEL, requests=1, waiting=0))
        async with gateway.session.post(gateway.url + CHAT, json=chat(stream=True)) as answer:
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await answer.json())["error"]["code"] == "queue_full"
        await following


Talk = Callable[[Endpoint], Coroutine[Any, Any, str]]


async def by_openai(endpoint: Endpoint) -> str:
    async with endpoint.openai() as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=ASKED, max_tokens=TOKENS, stream=True
        )
        return "".join([each.choices[0].delta.content or "" async for each in stream])


async def by_anthropic(endpoint: Endpoint) -> str:
    async with (
        endpoint.anthropic() as client,
        client.messages.stream(model=MODEL, messages=ASKED, max_tokens=TOKENS) as stream,
    ):
        return await stream.get_final_text()


@pytest.mark.parametrize("talk", [by_openai, by_anthropic])
async def test_official_clients_stream_through_a_cold_start(
    tmp_path: Path, real_generator: RealLlama, talk: Talk
) -> None:
    key = tmp_path / "key"
    key.write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": str(key)}
    async with cold(tmp_path) as gateway:
        talking = asyncio.create_task(talk(Endpoint(gateway.url, "none", MODEL)))
        async with streaming(gateway, max_tokens=TOKENS) as beside:
            await beside.comments(2)
            gateway.rewrite([{"name": MODEL, "backends": [backend]}])
            assert (await beside.rest())[-1] == "[DONE]"
        assert await talking


@pytest.mark.parametrize(
    ("talk", "error"), [(by_openai, openai.APIError), (by_anthropic, anthropic.APIError)]
)
async def test_official_clients_raise_what_an_error_event_says(
    tmp_path: Path, talk: Talk, error: type[Exception]
) -> None:
    async with cold(tmp_path, cold_start=3) as gateway:
        with pytest.raises(error, match="coldStartTimeoutSeconds"):
            await talk(Endpoint(gateway.url, "none", MODEL))
