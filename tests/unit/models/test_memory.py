"""How much memory does a replica need?"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.models.facts import GGUFFacts
from llmstack.models.memory import (
    MARGIN_BYTES,
    Load,
    estimate_memory,
    kv_cache_bytes,
    window_layers,
)

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
GEMMA = replace(
    SMOLLM2,
    architecture="gemma3",
    block_count=12,
    head_count_kv=1,
    key_length=256,
    value_length=256,
    sliding_window=512,
)
LATENT = replace(
    SMOLLM2,
    architecture="deepseek2",
    block_count=10,
    head_count_kv=1,
    key_length=576,
    value_length=512,
    key_length_mla=192,
)


@pytest.mark.parametrize(
    ("sentence", "facts", "load", "mebibytes"),
    [
        # The first two are what llama-server itself says of this model: "size = 135.00 MiB (2048
        # cells, 30 layers, 3/3 seqs)" and 71.72 MiB.
        ("3 slots of 2000 tokens, rounded up to 2048 cells", SMOLLM2, Load(3, 2000), 135.0),
        ("in half as many bits and a scale", SMOLLM2, Load(3, 2000, "q8_0"), 71.71875),
        ("one slot", SMOLLM2, Load(1, 2048), 45.0),
        (
            "layers with a window keep the window and a micro-batch",
            GEMMA,
            Load(1, 8192),
            (2 * 8192 + 10 * 1024) * 512 * 2 / MIB,
        ),
        (
            "but no more than the context",
            GEMMA,
            Load(1, 256),
            12 * 256 * 512 * 2 / MIB,
        ),
        (
            "their keys may have another length",
            replace(GEMMA, key_length_swa=128, value_length_swa=128),
            Load(1, 8192),
            (2 * 8192 * 512 + 10 * 1024 * 256) * 2 / MIB,
        ),
        ("latent attention keeps keys only", LATENT, Load(1, 1024), 10 * 1024 * 576 * 2 / MIB),
        (
            "layers without attention keep nothing",
            replace(SMOLLM2, block_count=4, head_count_kv=(3, 0, 0, 3)),
            Load(1, 256),
            2 * 3 * 256 * 128 * 2 / MIB,
        ),
        (
            "without heads of their own keys have as many as queries",
            replace(SMOLLM2, head_count_kv=None),
            Load(1, 256),
            30 * 9 * 256 * 128 * 2 / MIB,
        ),
    ],
)
def test_the_kv_cache(sentence: str, facts: GGUFFacts, load: Load, mebibytes: float) -> None:
    size = kv_cache_bytes(facts, load)
    assert size is not None
    assert size / MIB == mebibytes, sentence


@pytest.mark.parametrize(
    ("sentence", "facts", "windows"),
    [
        ("no window", SMOLLM2, [False] * 30),
        ("a window that this architecture ignores", {"sliding_window": 4096}, [False] * 30),
        (
            "the architecture's own pattern",
            {"architecture": "gpt-oss", "sliding_window": 128, "block_count": 4},
            [True, False, True, False],
        ),
        (
            "with the full layer first",
            {"architecture": "smallthinker", "sliding_window": 128, "block_count": 5},
            [False, True, True, True, False],
        ),
        (
            "a period in the header",
            {
                "architecture": "gemma3",
                "sliding_window": 128,
                "sliding_window_pattern": 3,
                "block_count": 4,
            },
            [True, True, False, True],
        ),
        (
            "a flag for each layer in the header",
            {"sliding_window": 128, "sliding_window_pattern": (1, 0, 1), "block_count": 3},
            [True, False, True],
        ),
    ],
)
def test_which_layers_have_a_window(sentence: str, facts: Any, windows: list[bool]) -> None:
    model = facts if isinstance(facts, GGUFFacts) else replace(SMOLLM2, **facts)
    assert list(window_layers(model)) == windows, sentence


@pytest.mark.parametrize(
    "missing",
    [
        {"block_count": None},
        {"head_count": None, "head_count_kv": None},
        {"embedding_length": None},
    ],
)
def test_a_bare_header_gives_no_estimate(missing: dict[str, None]) -> None:
    assert estimate_memory(replace(SMOLLM2, **missing), 1, Load(1, 256)) is None


def test_the_whole_is_files_cache_and_buffers_with_a_margin() -> None:
    load = Load(3, 2000)
    total, cache = estimate_memory(SMOLLM2, 500 * MIB, load), kv_cache_bytes(SMOLLM2, load)
    assert total is not None
    assert cache is not None
    assert 0 < total - 500 * MIB - cache - MARGIN_BYTES < 200 * MIB


@given(slots=st.integers(1, 256), context=st.integers(128, 2**24), more=st.integers(1, 64))
def test_more_of_anything_never_needs_less(slots: int, context: int, more: int) -> None:
    for facts in (SMOLLM2, GEMMA, LATENT):
        least = estimate_memory(facts, 0, Load(slots, context))
        assert least is not None
        for load in (Load(slots + more, context), Load(slots, context + more)):
            total = estimate_memory(facts, 0, load)
            assert total is not None
            assert total >= least
