"""How much memory does a model take? Numbers that llama.cpp itself logs, and invariants."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.facts import GGUFFacts
from llmstack.engines.llamacpp.gguf.memory import MARGIN, ServerShape, estimate, kv_cache_bytes

MIB = 2**20
SMOLLM2 = GGUFFacts(
    architecture="llama",
    parameters=134_515_008,
    quantization="Q4_1",
    size_bytes=98_362_432,
    context_length=8192,
    block_count=30,
    embedding_length=576,
    head_count=9,
    head_count_kv=3,
    vocabulary_size=49152,
)
LLAMA_8B = dataclasses.replace(
    SMOLLM2, block_count=32, embedding_length=4096, head_count=32, head_count_kv=8
)
GEMMA3 = dataclasses.replace(
    SMOLLM2,
    architecture="gemma3",
    block_count=34,
    embedding_length=2560,
    head_count=8,
    head_count_kv=4,
    key_length=256,
    value_length=256,
    sliding_window=1024,
)
DEEPSEEK = dataclasses.replace(
    SMOLLM2,
    architecture="deepseek2",
    block_count=27,
    embedding_length=2048,
    head_count=16,
    head_count_kv=1,
    key_length=576,
    value_length=512,
    key_length_mla=192,
    kv_lora_rank=512,
)


def shape(slots, context_length, k="f16", v="f16", **rest):
    return ServerShape(slots, context_length, k, v, **rest)


@pytest.mark.parametrize(
    ("facts", "served", "mebibytes"),
    [
        # As logged by llama-server: "KV buffer size".
        (SMOLLM2, shape(1, 8192), 180.00),
        (SMOLLM2, shape(3, 1000), 67.50),
        (SMOLLM2, shape(2, 2048, "q8_0", "q4_0"), 36.56),
        # 2 × 32 layers × 8 heads × 128 × 2 bytes: 128 KiB a token.
        (LLAMA_8B, shape(4, 8192), 4096),
        # 5 full layers, 29 of pad256(1024 + 512) cells.
        (GEMMA3, shape(1, 32768), (5 * 32768 + 29 * 1536) * 4 * 256 * 2 * 2 / MIB),
        # A window that is not reached costs no more than full attention.
        (GEMMA3, shape(1, 512), 34 * 512 * 4 * 256 * 2 * 2 / MIB),
        # Latent attention: keys alone.
        (DEEPSEEK, shape(1, 4096), 27 * 4096 * 576 * 2 / MIB),
    ],
)
def test_kv_cache(facts, served, mebibytes):
    assert kv_cache_bytes(facts, served) / MIB == pytest.approx(mebibytes, abs=0.01)


def changed(facts, **changes):
    return dataclasses.replace(facts, **changes)


@pytest.mark.parametrize(
    ("facts", "layers"),
    [
        (changed(GEMMA3, sliding_window=None), 34),
        (changed(GEMMA3, sliding_window=0), 34),
        (changed(GEMMA3, architecture="newcomer"), 34),
        (changed(GEMMA3, sliding_window_pattern=2), 17),
        (changed(GEMMA3, sliding_window_pattern=(1,) * 30 + (0,) * 4), 4),
        (changed(GEMMA3, sliding_window_pattern=(0,)), 34),
        (changed(GEMMA3, architecture="smallthinker", block_count=5), 2),
        (changed(GEMMA3, architecture="gpt-oss", block_count=24), 12),
    ],
)
def test_which_layers_keep_the_whole_context(facts, layers):
    long, longer = (kv_cache_bytes(facts, shape(1, length)) for length in (65536, 131072))
    assert longer - long == layers * 65536 * 4 * 256 * 2 * 2


def test_layers_may_differ_in_heads():
    facts = changed(SMOLLM2, head_count_kv=(0, 3) * 15)
    assert kv_cache_bytes(facts, shape(1, 8192)) == 90 * MIB


def test_layers_with_a_window_may_differ_in_length():
    facts = changed(GEMMA3, key_length_swa=128, value_length_swa=128)
    most = shape(1, 32768)
    assert kv_cache_bytes(facts, most) == (5 * 32768 * 256 + 29 * 1536 * 128) * 4 * 2 * 2


def test_a_header_without_shape_gives_no_estimate():
    assert estimate(changed(SMOLLM2, block_count=None), shape(1, 512)) is None


def test_the_sum():
    found = estimate(LLAMA_8B, shape(1, 8192, mmproj_bytes=7))
    assert found.least == found.weights + found.kv_cache + found.compute + 7
    assert found.total == found.least + MARGIN


def test_without_flash_attention_the_scores_come_on_top():
    on, off = (estimate(SMOLLM2, shape(1, 8192, flash_attention=flash)) for flash in (True, False))
    assert off.compute - on.compute == 512 * 8192 * 9 * 4


@given(
    st.sampled_from([SMOLLM2, LLAMA_8B, GEMMA3, DEEPSEEK]),
    st.integers(1, 64),
    st.integers(1, 131072),
    st.sampled_from(["f16", "q8_0", "q4_0"]),
)
def test_more_slots_or_context_never_cost_less(facts, slots, context, kind):
    one = estimate(facts, shape(slots, context, kind, kind))
    assert one.least <= estimate(facts, shape(slots + 1, context, kind, kind)).least
    assert one.least <= estimate(facts, shape(slots, context + 1, kind, kind)).least
    assert one.kv_cache > 0
