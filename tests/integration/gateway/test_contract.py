"""Does a llama-server do what the gateway counts on? The same sentences for the fake and the real.

What is known here of the real one is what tests with the fake one may take for granted.
"""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from tests.integration.gateway.llamas import Llama
from tests.support.llama.client import Client, Exchange, Reply, holds

LONG = {"prompt": "a", "n_predict": 500, "ignore_eos": True, "stream": True}
CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "temperature": 0}
TIMINGS = {"cache_n", "prompt_n", "prompt_ms", "predicted_n", "predicted_ms"}


def long_prompt(tokens: int) -> str:
    """Of at least so many tokens, and in no slot's cache."""
    return f"{uuid.uuid4()}{' word' * tokens}"


async def idle(client: Client) -> bool:
    return await client.busy() == 0


async def at_rest(llama: Llama) -> int:
    """Deferrals up to now, with all slots idle."""
    await holds(idle, llama.client)
    return await llama.deferrals()


async def launched(client: Client, busy: int) -> None:
    async def so_many() -> bool:
        return await client.busy() == busy

    await holds(so_many)


class TestStart:
    async def test_health_says_503_while_the_model_loads_and_200_after(self, llama: Llama) -> None:
        assert llama.loading
        for status, body in llama.loading:
            assert status == 503
            assert json.loads(body)["error"]["type"] == "unavailable_error"
        assert (await llama.client.get("/health")).json() == {"status": "ok"}

    async def test_only_health_needs_no_key(self, llama: Llama) -> None:
        without = Client(llama.client.port)
        assert (await without.get("/health")).status == 200
        for path in ("/slots", "/props", "/metrics", "/v1/models"):
            refused = await without.get(path)
            assert refused.status == 401
            assert refused.json()["error"]["type"] == "authentication_error"
        assert (await without.post("/completion", LONG)).status == 401
        bearer = {"X-Api-Key": llama.client.key}
        assert (await without.get("/slots", **bearer)).status == 200

    async def test_props_tell_slots_and_context(self, llama: Llama) -> None:
        props = (await llama.client.get("/props")).json()
        assert props["total_slots"] == 2
        assert props["default_generation_settings"]["n_ctx"] == 1024
        assert props["model_alias"] == "sample"

    async def test_metrics_tell_when_the_process_began(self, llama: Llama) -> None:
        """By this a server that is back is known from one that never was away."""
        began = [started(await llama.client.get("/metrics")) for _ in range(2)]
        assert began[0].isdigit()
        assert began[0] == began[1]


class TestSlots:
    async def test_a_slot_is_busy_while_it_decodes_and_idle_after(self, llama: Llama) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/completion", LONG) as exchange:
            await exchange.first()
            slots = (await llama.client.get("/slots")).json()
            assert [slot["id"] for slot in slots] == [0, 1]
            (busy,) = [slot for slot in slots if slot["is_processing"]]
            assert busy["id_task"] >= 0
            assert busy["next_token"][0]["n_decoded"] > 0
            assert b"llamacpp:requests_processing 1" in (await metrics(llama.client))
        assert await at_rest(llama) == before

    async def test_a_request_beyond_the_slots_is_deferred_and_counted_once(
        self, llama: Llama
    ) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/completion", LONG) as one:
            await one.first()
            async with llama.client.sending("/completion", LONG) as two:
                await two.first()
                waiting = asyncio.create_task(llama.client.post("/v1/chat/completions", CHAT))
                await holds(deferred, llama.client)
                assert await llama.client.busy() == 2
                assert not waiting.done()
        assert (await waiting).status == 200
        assert await at_rest(llama) == before + 1

    async def test_a_deferred_request_whose_client_leaves_is_never_computed(
        self, llama: Llama
    ) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/completion", LONG) as one:
            await one.first()
            async with llama.client.sending("/completion", LONG) as two:
                await two.first()
                async with llama.client.sending("/completion", LONG) as three:
                    await holds(deferred, llama.client)
                    three.half_close()
                    await three.closed()
                assert b"llamacpp:requests_deferred 0" in await metrics(llama.client)
        assert await at_rest(llama) == before + 1

    async def test_n_answers_take_n_slots(self, llama: Llama) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/v1/chat/completions", CHAT | LONG | {"n": 2}) as both:
            await both.first()
            assert await llama.client.busy() == 2
        assert await at_rest(llama) == before
        refused = await llama.client.post("/v1/chat/completions", CHAT | {"n": 3})
        assert refused.status == 400

    async def test_n_answers_wait_until_there_are_n_slots(self, llama: Llama) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/completion", LONG) as one:
            await one.first()
            body = CHAT | {"n": 2}
            waiting = asyncio.create_task(llama.client.post("/v1/chat/completions", body))
            await holds(deferred, llama.client)
            assert await llama.client.busy() == 1
        assert len((await waiting).json()["choices"]) == 2
        assert await at_rest(llama) > before

    async def test_each_prompt_of_an_array_takes_a_slot(self, llama: Llama) -> None:
        before = await at_rest(llama)
        body = {"prompt": ["a", "b", "c"], "max_tokens": 2}
        answer = (await llama.client.post("/v1/completions", body)).json()
        assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
        assert await at_rest(llama) == before + 1


class TestCancelling:
    """A client that is gone is looked for once a second until it has got a byte."""

    @pytest.mark.parametrize("stream", [True, False])
    async def test_in_decode(self, llama: Llama, stream: bool) -> None:
        before = await at_rest(llama)
        async with llama.client.sending("/completion", LONG | {"stream": stream}) as exchange:
            await launched(llama.client, 1)
            if stream:
                await exchange.first()
            await left(exchange)
            again = await llama.client.post("/completion", LONG | {"n_predict": 2, "stream": False})
        assert again.status == 200
        assert await at_rest(llama) == before

    @pytest.mark.parametrize("stream", [True, False])
    async def test_in_prefill_the_slot_is_busy_until_the_prompt_is_through(
        self, llama: Llama, stream: bool
    ) -> None:
        before = await at_rest(llama)
        body = LONG | {"prompt": long_prompt(400), "stream": stream}
        async with llama.client.sending("/completion", body) as exchange:
            await launched(llama.client, 1)
            await left(exchange)
            assert exchange.reply.body == b""
            assert await llama.client.busy() == 1
        assert await at_rest(llama) == before

    async def test_a_request_sent_while_another_prefills_has_no_slot_yet(
        self, llama: Llama
    ) -> None:
        """So an idle slot proves nothing; that the server has closed its side does."""
        before = await at_rest(llama)
        body = LONG | {"prompt": long_prompt(400)}
        async with llama.client.sending("/completion", body) as first:
            await launched(llama.client, 1)
            async with llama.client.sending("/completion", LONG) as second:
                assert await llama.client.busy() == 1
                await left(second)
            async with llama.client.sending("/completion", LONG) as third:
                await third.first()
                await first.first()
                assert await llama.client.busy() == 2
        assert await at_rest(llama) == before


class TestEvents:
    async def test_chat_begins_with_the_role_and_ends_with_timings(self, llama: Llama) -> None:
        reply = await llama.client.post("/v1/chat/completions", CHAT | {"stream": True})
        first, *pieces, last, done = reply.events()
        assert reply.headers["content-type"] == "text/event-stream"
        assert first["choices"][0]["delta"]["role"] == "assistant"
        assert all(piece["choices"][0]["delta"]["content"] for piece in pieces)
        assert last["choices"][0]["finish_reason"] == "length"
        assert set(last["timings"]) >= TIMINGS
        assert last["timings"]["predicted_n"] == 3
        assert done == "[DONE]"

    async def test_chat_tells_its_usage_last_if_asked(self, llama: Llama) -> None:
        body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
        *_, last, _ = (await llama.client.post("/v1/chat/completions", body)).events()
        assert last["choices"] == []
        assert last["usage"]["completion_tokens"] == 3
        assert set(last["timings"]) >= TIMINGS

    async def test_a_completion_always_tells_its_usage_last(self, llama: Llama) -> None:
        body = {"prompt": "Hi", "max_tokens": 3, "stream": True}
        *_, last, done = (await llama.client.post("/v1/completions", body)).events()
        assert last["usage"]["completion_tokens"] == 3
        assert set(last["timings"]) >= TIMINGS
        assert done == "[DONE]"

    async def test_llama_cpps_own_completion_ends_without_done(self, llama: Llama) -> None:
        body = {"prompt": "Hi", "n_predict": 3, "stream": True}
        *pieces, last = (await llama.client.post("/completion", body)).events()
        assert not any(piece["stop"] for piece in pieces)
        assert last["stop"]
        assert last["tokens_predicted"] == 3
        assert set(last["timings"]) >= TIMINGS

    async def test_a_whole_answer_tells_usage_and_timings(self, llama: Llama) -> None:
        answer = (await llama.client.post("/v1/chat/completions", CHAT)).json()
        assert answer["choices"][0]["message"]["role"] == "assistant"
        assert answer["usage"]["completion_tokens"] == 3
        assert set(answer["timings"]) >= TIMINGS

    async def test_what_a_slot_holds_of_a_prompt_is_not_computed_again(self, llama: Llama) -> None:
        body = {"prompt": long_prompt(60), "max_tokens": 1}
        first, second = [(await llama.client.post("/v1/completions", body)).json() for _ in "12"]
        assert first["timings"]["prompt_n"] > 60
        assert second["timings"]["prompt_n"] == 1
        assert second["timings"]["cache_n"] == first["usage"]["prompt_tokens"] - 1


class TestConnection:
    async def test_it_is_kept_for_the_next_request_and_closed_when_idle(self, llama: Llama) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", llama.client.port)
        for _ in range(2):
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Keep-Alive: timeout=5, max=100" in head
            assert await reader.readexactly(15) == b'{"status":"ok"}'
        assert await reader.read() == b""
        writer.close()

    async def test_it_is_closed_after_an_error(self, llama: Llama) -> None:
        async with llama.client.sending("/nothing", {}, {"Connection": "keep-alive"}) as exchange:
            assert (await exchange.whole()).headers["connection"] == "close"
            await exchange.closed()


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "body", "status", "kind"),
        [
            ("/nothing", {}, 404, "not_found_error"),
            ("/completion", b"no JSON", 500, "server_error"),
            ("/v1/completions", {"max_tokens": 2}, 400, "invalid_request_error"),
            ("/v1/embeddings", {"input": "a"}, 501, "not_supported_error"),
            ("/v1/rerank", {"query": "a", "documents": ["b"]}, 501, "not_supported_error"),
            ("/completion", {"prompt": "a " * 1500}, 400, "exceed_context_size_error"),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    async def test_they_have_the_shape_of_openai(
        self, llama: Llama, path: str, body: object, status: int, kind: str
    ) -> None:
        refused = await llama.client.post(path, body)
        assert refused.status == status
        error = refused.json()["error"]
        assert error["type"] == kind
        assert error["code"] == status
        assert error["message"]

    async def test_tokenize_takes_no_slot(self, llama: Llama) -> None:
        tokens = (await llama.client.post("/tokenize", {"content": "Hi there"})).json()["tokens"]
        assert len(tokens) == 2
        assert all(isinstance(token, int) for token in tokens)


class TestEmbeddings:
    async def test_each_input_of_an_array_takes_a_slot(self, embedder: Llama) -> None:
        before = await at_rest(embedder)
        body = {"input": ["a", "b", "c", "d", "e"]}
        answer = (await embedder.client.post("/v1/embeddings", body)).json()
        assert [entry["index"] for entry in answer["data"]] == [0, 1, 2, 3, 4]
        assert all(entry["embedding"] for entry in answer["data"])
        assert answer["usage"]["total_tokens"] >= 5
        assert await at_rest(embedder) == before + 3

    async def test_one_input_is_one_vector(self, embedder: Llama) -> None:
        before = await at_rest(embedder)
        answer = (await embedder.client.post("/v1/embeddings", {"input": "a"})).json()
        assert len(answer["data"]) == 1
        assert await at_rest(embedder) == before


class TestReranking:
    async def test_each_document_takes_a_slot_and_gets_a_score(self, reranker: Llama) -> None:
        before = await at_rest(reranker)
        body = {"query": "a", "documents": ["a", "b", "c", "a b"]}
        answer = (await reranker.client.post("/v1/rerank", body)).json()
        assert sorted(entry["index"] for entry in answer["results"]) == [0, 1, 2, 3]
        assert len({entry["relevance_score"] for entry in answer["results"]}) > 1
        assert await at_rest(reranker) == before + 2


async def deferred(client: Client) -> bool:
    return b"llamacpp:requests_deferred 1" in await metrics(client)


async def metrics(client: Client) -> bytes:
    return (await client.get("/metrics")).body


def started(reply: Reply) -> str:
    return reply.headers.get("process-start-time-unix", "")


async def left(exchange: Exchange) -> None:
    """The client is gone, and the server has noticed."""
    exchange.half_close()
    await exchange.closed()
