"""Is a long array of inputs served in turns, and answered as if it had been sent whole?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.serving import MODEL, Serving, gone, serving, until
from tests.support.llama.client import Client
from tests.support.llama.faults import Death
from tests.support.llama.real import RealLlama
from tests.support.llama.shape import Shape

EMBED, RERANK = "/v1/embeddings", "/v1/rerank"
SHAPE = Shape(slots=2, mode="embed")
SLOW = replace(SHAPE, prefill=20)
"""A short input takes some tenths of a second."""


@asynccontextmanager
async def embedding(folder: Path, *shapes: Shape, mode: str = "embed") -> AsyncIterator[Serving]:
    async with serving(folder, *shapes, model={"mode": mode}) as it:
        yield it


def inputs(count: int) -> list[Any]:
    """Texts of different lengths, with what must be escaped."""
    return [f'input "{n}" [{{,\\ ' + "word " * (n % 7) for n in range(count)]


async def whole(it: Serving, path: str, **body: Any) -> Any:
    """What the server itself says to all of it."""
    return (await Client(it.llamas[0].port).post(path, body)).json()


@pytest.mark.parametrize("count", [2, 3, 50])
async def test_embeddings_are_those_of_the_whole_array(tmp_path: Path, count: int) -> None:
    async with embedding(tmp_path, SHAPE, SHAPE) as it:
        answer = await it.ask(EMBED, input=inputs(count))
        assert answer.status == 200
        assert answer.json == await whole(it, EMBED, input=inputs(count))
        entry = await it.gateway.logged(logger="access", path=EMBED)
        assert entry["prompt_tokens"] == answer.json["usage"]["prompt_tokens"]
        assert await it.gateway.metric("requests_total", status="200") == 1
        assert await it.gateway.metric("retries_total") == 0
        assert (await it.gateway.load())[MODEL]["requests"] == 1


@pytest.mark.parametrize("most", [{}, {"top_n": 3}, {"top_n": 100}])
async def test_ranks_are_those_of_all_documents(tmp_path: Path, most: dict[str, int]) -> None:
    shape = Shape(slots=2, mode="rerank")
    async with embedding(tmp_path, shape, mode="rerank") as it:
        answer = await it.ask(RERANK, query="what?", documents=inputs(20), **most)
        said = await whole(it, RERANK, query="what?", documents=inputs(20))
        said["results"] = said["results"][: most.get("top_n")]
        assert answer.json["usage"] == said["usage"]
        assert _scores(answer.json) == _scores(said)


def _scores(answer: Any) -> list[float]:
    return [result["relevance_score"] for result in answer["results"]]


async def test_a_single_input_waits_for_a_part_and_not_for_the_whole(tmp_path: Path) -> None:
    async with embedding(tmp_path, SLOW) as it:
        bulk = it.begin(path=EMBED, input=["some words to embed"] * 60)
        await until(lambda: it.llamas[0].requests >= 2)
        for _ in range(3):
            assert (await it.ask(EMBED, input="one")).status == 200
        assert not bulk.done()
        assert len((await bulk).json["data"]) == 60


async def test_fields_that_are_dropped_do_not_matter(tmp_path: Path) -> None:
    """One before the array and one behind it; and one that repeats its very bytes."""
    async with embedding(tmp_path, SHAPE) as it:
        for more in ({}, {"extra": {"input": inputs(20)}}):
            answer = await it.ask(EMBED, odd=1, input=inputs(20), unknown=2, **more)
            assert answer.json == await whole(it, EMBED, input=inputs(20))
        assert it.llamas[0].requests > 4


async def test_an_error_of_a_part_is_that_of_the_whole(tmp_path: Path) -> None:
    async with embedding(tmp_path, replace(SHAPE, context=64)) as it:
        texts = [*inputs(20), "word " * 100]
        answer = await it.ask(EMBED, input=texts)
        assert answer.status == 400
        assert "exceeds the available context size" in answer.json["error"]["message"]


async def test_a_client_that_leaves_ends_all_parts(tmp_path: Path) -> None:
    async with embedding(tmp_path, SLOW) as it:
        bulk = it.begin(path=EMBED, input=["some words to embed"] * 200)
        await until(lambda: it.llamas[0].requests >= 2)
        await gone(bulk)
        await it.gateway.loaded(MODEL, busy=0, draining=0, waiting=0)
        sent = it.llamas[0].requests
        assert (await it.ask(EMBED, input="one")).status == 200
        assert it.llamas[0].requests == sent + 1


@pytest.mark.parametrize("death", [Death.BEFORE, Death.AFTER])
async def test_a_part_fails_over(tmp_path: Path, death: Death) -> None:
    async with embedding(tmp_path, SHAPE, SHAPE) as it:
        it.llamas[0].set_faults(death=death, times=1, events=0)
        answer = await it.ask(EMBED, input=inputs(40))
        assert [each["index"] for each in answer.json["data"]] == list(range(40))


async def test_a_long_answer_is_sent_as_it_comes(tmp_path: Path) -> None:
    texts = ["x"] * 30_000
    async with embedding(tmp_path, replace(SHAPE, slots=64, prefill=1e9)) as it:
        answer = await it.ask(EMBED, input=texts)
        assert answer.headers["transfer-encoding"] == "chunked"
        assert [each["index"] for each in answer.json["data"]] == list(range(30_000))
        assert answer.json["usage"]["prompt_tokens"] >= 30_000


async def test_the_real_server_says_the_same_in_parts(
    tmp_path: Path, real_embedder: RealLlama
) -> None:
    """Within the tolerance of floats: how inputs share a batch changes the last digits."""
    (tmp_path / "server-key").write_text(real_embedder.key)
    async with embedding(tmp_path, SHAPE) as it:
        backend = {"url": real_embedder.url, "apiKeyFile": "server-key"}
        it.gateway.rewrite([{"name": MODEL, "mode": "embed", "backends": [backend]}])
        await it.gateway.logged(
            message=f"replica {real_embedder.url[7:]} of {MODEL} is ready with 2 slots"
        )
        texts = [f"word {n} " * (1 + n % 5) for n in range(11)]
        direct = Client(real_embedder.port, real_embedder.key)
        for form in ("float", "base64"):
            body = {"input": texts, "encoding_format": form}
            answer = (await it.ask(EMBED, **body)).json
            said = (await direct.post(EMBED, body)).json()
            assert answer["usage"] == said["usage"]
            assert [each["index"] for each in answer["data"]] == list(range(11))
            for ours, theirs in zip(answer["data"], said["data"], strict=True):
                assert ours.keys() == theirs.keys()
                if form == "float":
                    assert ours["embedding"] == pytest.approx(theirs["embedding"], abs=1e-3)


async def test_parts_of_many_clients_at_once(tmp_path: Path) -> None:
    async with embedding(tmp_path, SHAPE, SHAPE) as it:
        answers = await asyncio.gather(*(it.ask(EMBED, input=inputs(17)) for _ in range(6)))
        first = answers[0].json
        assert all(answer.json == first for answer in answers)
