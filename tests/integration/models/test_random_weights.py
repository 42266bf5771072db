"""Do the operator and llama-server take a model of random weights? bench/gpu measures with one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bench.gpu.model import Shape, write, write_tokenizer
from llmstack.engines.llamacpp.gguf.file import read_facts
from llmstack.fetch.inspect import reading
from tests.e2e.images import model_file
from tests.support.llama.real import RealLlama

SMALL = Shape(layers=2, width=256, inner=512, heads=4, kv_heads=2, context=512)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("random")
    tokenizer = write_tokenizer(directory / "tokenizer.gguf", model_file())
    return write(directory / "small.gguf", tokenizer, SMALL)


def test_the_operator_reads_its_shape(model: Path) -> None:
    with reading(model) as (read, size):
        facts = read_facts(read, size)

    assert (facts.block_count, facts.embedding_length) == (SMALL.layers, SMALL.width)
    assert (facts.head_count, facts.head_count_kv) == (SMALL.heads, SMALL.kv_heads)
    assert facts.context_length == SMALL.context
    assert facts.parameters == facts.vocabulary_size * 2 * SMALL.width + sum(
        rows * columns for _, rows, columns in SMALL.matrices(0)
    ) + SMALL.width * len(list(SMALL.norms()))


def test_it_answers_with_as_many_tokens_as_are_asked_for(model: Path, tmp_path: Path) -> None:
    with RealLlama.running(tmp_path, model, slots=2, context_length=256) as server:
        body = {"prompt": "A word", "n_predict": 20, "ignore_eos": True, "temperature": 0}
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            first, second = (client.post("/completion", json=body).json() for _ in range(2))

    assert first["tokens_predicted"] == 20
    assert first["content"] == second["content"]


def test_a_slot_gets_no_more_tokens_than_the_model_was_trained_with(
    model: Path, tmp_path: Path
) -> None:
    """Why spec.contextLength may be left out: its default is lowered by the server."""
    with RealLlama.running(tmp_path, model, slots=2, context_length=4096) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        slots = httpx.get(f"{server.url}/slots", headers=headers, trust_env=False).json()

    assert [slot["n_ctx"] for slot in slots] == [SMALL.context] * 2
