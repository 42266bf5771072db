"""Is every sample read, named in the table, tested, and right about the memory that it asks for?"""

from __future__ import annotations

from pathlib import Path

import pytest

from llmstack.api.engine import Mode
from llmstack.api.quantity import parse_bytes
from llmstack.api.resource import LLMDeployment, parse
from llmstack.desired.resources import SERVER_BASE_BYTES
from llmstack.engines.facts import GGUFFacts
from llmstack.engines.llamacpp.gguf.memory import MemoryEstimate, ServerShape, estimate
from tests.support.examples import ALL, EXAMPLES, MANIFESTS, SCRIPTS, Object, documents

ROOT = EXAMPLES.parent
README = EXAMPLES / "README.md"

# From the config.json of each model, and the size of its file on the hub (the 14B: rounded up).
FACTS = {
    "qwen2.5-1.5b-instruct-q4_k_m": GGUFFacts(
        architecture="qwen2",
        parameters=1_543_714_304,
        quantization="Q4_K_M",
        size_bytes=1_117_320_736,
        context_length=32768,
        block_count=28,
        embedding_length=1536,
        head_count=12,
        head_count_kv=2,
        vocabulary_size=151_936,
    ),
    "Qwen2.5-7B-Instruct-Q4_K_M": GGUFFacts(
        architecture="qwen2",
        parameters=7_615_616_512,
        quantization="Q4_K_M",
        size_bytes=4_683_074_240,
        context_length=32768,
        block_count=28,
        embedding_length=3584,
        head_count=28,
        head_count_kv=4,
        vocabulary_size=152_064,
    ),
    "Qwen2.5-14B-Instruct-Q4_K_M": GGUFFacts(
        architecture="qwen2",
        parameters=14_770_033_664,
        quantization="Q4_K_M",
        size_bytes=8_990_000_000,
        context_length=32768,
        block_count=48,
        embedding_length=5120,
        head_count=40,
        head_count_kv=8,
        vocabulary_size=152_064,
    ),
    "nomic-embed-text-v1.5.Q8_0": GGUFFacts(
        architecture="nomic-bert",
        parameters=136_731_648,
        quantization="Q8_0",
        size_bytes=146_146_432,
        context_length=2048,
        block_count=12,
        embedding_length=768,
        head_count=12,
        vocabulary_size=30_528,
    ),
    "SmolLM2-135M-Instruct-Q4_K_M": GGUFFacts(
        architecture="llama",
        parameters=134_515_008,
        quantization="Q4_K_M",
        size_bytes=105_454_432,
        context_length=8192,
        block_count=30,
        embedding_length=576,
        head_count=9,
        head_count_kv=3,
        vocabulary_size=49_152,
    ),
}


def read(body: Object) -> LLMDeployment:
    metadata = {**body["metadata"], "namespace": "default", "uid": "u", "generation": 1}
    return parse({**body, "metadata": metadata})


def facts(deployment: LLMDeployment) -> GGUFFacts:
    file = deployment.spec.model.source.rpartition("/")[2]
    return FACTS[file.removesuffix(".gguf")]


def needed(deployment: LLMDeployment) -> MemoryEstimate:
    spec = deployment.spec
    embeds = spec.engine.mode is Mode.EMBED
    ubatch = spec.context_length if embeds else spec.engine.micro_batch_size
    found = estimate(facts(deployment), ServerShape(spec.slots, spec.context_length, ubatch=ubatch))
    assert found is not None
    return found


SAMPLES = [read(body) for body in ALL]
ON_A_DEVICE = [sample for sample in SAMPLES if sample.spec.accelerator.resource]
WITH_MEMORY = [sample for sample in SAMPLES if "memory" in sample.spec.engine.resources.requests]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_no_slot_has_more_context_than_the_model_was_trained_for(sample: LLMDeployment) -> None:
    assert sample.spec.context_length <= (facts(sample).context_length or 0)


@pytest.mark.parametrize("sample", ON_A_DEVICE, ids=lambda sample: sample.name)
def test_what_a_sample_asks_of_its_device_fits(sample: LLMDeployment) -> None:
    memory = sample.spec.accelerator.memory

    assert memory is not None
    assert needed(sample).total <= parse_bytes(memory)


@pytest.mark.parametrize("sample", WITH_MEMORY, ids=lambda sample: sample.name)
def test_the_host_memory_that_is_asked_for_holds_model_context_and_cache(
    sample: LLMDeployment,
) -> None:
    engine = sample.spec.engine
    rest = SERVER_BASE_BYTES + parse_bytes(engine.prompt_cache_memory)

    assert needed(sample).least + rest <= parse_bytes(engine.resources.requests["memory"])


def test_samples_can_be_applied_side_by_side() -> None:
    names = [body["metadata"]["name"] for body in ALL]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_sample_says_how_it_is_applied_and_waited_for(path: Path) -> None:
    head = path.read_text().partition("\napiVersion")[0]

    assert f"kubectl apply -f examples/{path.name}" in head
    for body in documents(path):
        assert body["kind"] == "LLMDeployment"
        assert body["metadata"]["name"] in head


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_how_it_is_run_and_a_test_runs_it(path: Path) -> None:
    runs = ROOT / "tests" / "integration" / "gateway" / "test_examples.py"

    assert f"python examples/{path.name}" in path.read_text()
    assert f'"{path.name}"' in runs.read_text()


def test_nothing_lies_in_examples_that_no_test_looks_at() -> None:
    """Manifests and scripts go through the tests above and those of tests/integration."""
    found = {path for path in EXAMPLES.iterdir() if path.name not in ("argocd", "__pycache__")}

    assert found == {*MANIFESTS, *SCRIPTS, README}


def test_the_table_has_every_sample() -> None:
    text = README.read_text()
    unnamed = [path.name for path in (*MANIFESTS, *SCRIPTS) if f"]({path.name})" not in text]

    assert not unnamed
