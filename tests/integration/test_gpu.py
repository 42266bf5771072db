"""Does the server of the CUDA image compute on the card? Where LLMSTACK_CUDA_SERVER names it.

`/opt/llama/llama-server` of that image, with its libraries beside it. The model has random weights.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bench.gpu import card
from bench.gpu.model import Shape, write
from llmstack.engines.llamacpp.gguf.file import read_facts
from llmstack.engines.llamacpp.gguf.memory import ServerShape, estimate
from llmstack.fetch.inspect import reading
from tests.support.llama.real import RealLlama

pytestmark = pytest.mark.needs_gpu

MODEL = Shape(layers=8, width=2048, inner=5632, heads=16, kv_heads=4, context=4096)
SLOTS, CONTEXT = 8, 4096


@pytest.fixture(scope="module")
def server() -> Path:
    named = os.environ.get("LLMSTACK_CUDA_SERVER")
    if not named or not shutil.which("nvidia-smi"):
        pytest.skip("LLMSTACK_CUDA_SERVER names no server, or there is no NVIDIA card")
    return Path(named)


@pytest.fixture(scope="module")
def model(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = os.environ.get("LLMSTACK_TOKENIZER")
    if not tokenizer:
        pytest.skip("LLMSTACK_TOKENIZER names no GGUF file whose tokenizer the model may have")
    return write(tmp_path_factory.mktemp("gpu") / "model.gguf", Path(tokenizer), MODEL)


def test_it_finds_the_card(server: Path) -> None:
    listed = subprocess.run([server, "--list-devices"], capture_output=True, text=True, check=True)

    assert card.name() in listed.stdout + listed.stderr


def test_all_layers_are_on_the_card_and_within_what_the_operator_counts(
    server: Path, model: Path, tmp_path: Path
) -> None:
    with reading(model) as (read, size):
        counted = estimate(read_facts(read, size), ServerShape(SLOTS, CONTEXT))
    before = card.used_bytes()

    with running(server, model, tmp_path) as replica:
        ask(replica, 1)
        used = card.used_bytes() - before
        log = replica.log.read_text(errors="replace")

    found = re.search(r"offloaded (\d+)/(\d+) layers to GPU", log)
    assert found
    assert found[1] == found[2]
    assert counted
    assert counted.kv_cache < used < counted.total


def test_all_slots_answer_at_once_and_none_is_deferred(
    server: Path, model: Path, tmp_path: Path
) -> None:
    with (
        running(server, model, tmp_path) as replica,
        ThreadPoolExecutor(SLOTS) as threads,
    ):
        told = list(threads.map(lambda number: ask(replica, number), range(SLOTS)))
        deferred = replica.deferrals()

    assert told == [64] * SLOTS
    assert deferred == 0


def running(server: Path, model: Path, directory: Path):
    return RealLlama.running(
        directory,
        model,
        program=server,
        slots=SLOTS,
        context_length=CONTEXT,
        gpu_layers="all",
        threads=None,
    )


def ask(replica: RealLlama, number: int) -> int:
    """How many tokens came for a prompt of its own?"""
    body = {"prompt": f"{number}: the sea", "n_predict": 64, "ignore_eos": True}
    headers = {"Authorization": f"Bearer {replica.key}"}
    with httpx.Client(base_url=replica.url, headers=headers, trust_env=False, timeout=60) as client:
        answer = client.post("/completion", json=body).raise_for_status().json()
    return int(answer["tokens_predicted"])
