"""Which numbers stand in docs/sizing.md? All computed, by what the operator itself counts with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from llmstack.engines.facts import GGUFFacts
from llmstack.engines.llamacpp.gguf.memory import ServerShape, estimate, kv_cache_bytes

KIB, MIB, GIB = 2**10, 2**20, 2**30


def _model(architecture: str, layers: int, width: int, heads: int, kv_heads: int) -> GGUFFacts:
    return GGUFFacts(
        architecture=architecture,
        parameters=0,
        quantization="",
        size_bytes=0,
        block_count=layers,
        embedding_length=width,
        head_count=heads,
        head_count_kv=kv_heads,
    )


# Shapes as llama.cpp's loader prints them; the page names the logs.
QWEN_7B = _model("qwen2", 28, 3584, 28, 4)
LLAMA_8B = replace(_model("llama", 32, 4096, 32, 8), vocabulary_size=128256)
GEMMA_12B = replace(
    _model("gemma3", 48, 3840, 16, 8), key_length=256, value_length=256, sliding_window=1024
)
GPT_OSS_20B = replace(
    _model("gpt-oss", 24, 2880, 64, 8), key_length=64, value_length=64, sliding_window=128
)
QWEN_30B = replace(
    _model("qwen3moe", 48, 2048, 32, 4),
    key_length=128,
    value_length=128,
    vocabulary_size=151936,
)
LLAMA_70B = replace(_model("llama", 80, 8192, 64, 8), vocabulary_size=128256)
MODELS = {
    "Qwen2.5 7B": QWEN_7B,
    "Llama 3.1 8B": LLAMA_8B,
    "Gemma 3 12B": GEMMA_12B,
    "gpt-oss 20B": GPT_OSS_20B,
    "Qwen3 30B-A3B": QWEN_30B,
    "Llama 3.1 70B": LLAMA_70B,
}
FILES = {
    "Llama 3.1 8B Q4_K_M, 4.58 GiB": replace(LLAMA_8B, size_bytes=int(4.58 * GIB)),
    "Llama 3.1 8B Q8_0, 7.95 GiB": replace(LLAMA_8B, size_bytes=int(7.95 * GIB)),
    "Qwen3 30B-A3B Q4_K_M, 17.28 GiB": replace(QWEN_30B, size_bytes=int(17.28 * GIB)),
    "Llama 3.1 70B Q4_K_M, 43.1 GB": replace(LLAMA_70B, size_bytes=43_100_000_000),
}
KINDS = ("f16", "q8_0", "q4_0")
MEMORIES = (16, 24, 48, 80)
CONTEXT = 8192
MOST_SLOTS = 256


@dataclass(frozen=True)
class Device:
    """A device's memory in GB and what it reads of it in GB/s, by its maker's word."""

    memory: int
    bandwidth: int


DEVICES = {
    "NVIDIA L4": Device(24, 300),
    "NVIDIA L40S": Device(48, 864),
    "NVIDIA A100 SXM": Device(80, 2000),
    "NVIDIA H100 SXM": Device(80, 3350),
    "NVIDIA H200": Device(141, 4800),
    "AMD MI300X": Device(192, 5300),
}


def _kv_table() -> str:
    """How large is the KV cache of one slot?"""
    rows = [
        (name, _tokens(facts), *(_mib(facts, CONTEXT, kind) for kind in KINDS), _mib(facts, 32768))
        for name, facts in MODELS.items()
    ]
    heads = (f"{CONTEXT} tokens, {kind}" for kind in KINDS)
    return _table(("model", "one token, f16", *heads, "32768 tokens, f16"), rows)


def _tokens(facts: GGUFFacts) -> str:
    """Bytes of a token beyond every window: what a longer context costs."""
    long, longer = (kv_cache_bytes(facts, ServerShape(1, length)) for length in (65536, 131072))
    return f"{(longer - long) / 65536 / KIB:.0f} KiB"


def _mib(facts: GGUFFacts, context: int, kind: str = "f16") -> str:
    return f"{kv_cache_bytes(facts, ServerShape(1, context, kind, kind)) / MIB:.0f} MiB"


def _slots_table() -> str:
    """How many slots fit beside the weights?"""
    rows = [
        (name, kind, *(str(most_slots(facts, memory * GIB, kind)) for memory in MEMORIES))
        for name, facts in FILES.items()
        for kind in ("f16", "q8_0")
    ]
    return _table(("file", "KV cache", *(f"{memory}Gi" for memory in MEMORIES)), rows)


def most_slots(facts: GGUFFacts, memory: int, kind: str) -> int:
    """The most slots whose estimate, with its margin, is within `memory` bytes; 0: not even one."""
    fitting = 0
    while fitting < MOST_SLOTS:
        found = estimate(facts, ServerShape(fitting + 1, CONTEXT, kind, kind))
        if found is None or found.total > memory:
            break
        fitting += 1
    return fitting


def _ceiling_table() -> str:
    """What can a device decode at most, and what does a million tokens then cost?"""
    facts = FILES["Llama 3.1 8B Q4_K_M, 4.58 GiB"]
    rows = [
        (
            name,
            f"{device.memory} GB",
            f"{device.bandwidth} GB/s",
            *(f"{ceiling(facts, device, slots):.0f}" for slots in (1, 8)),
            f"{per_million(1.0, ceiling(facts, device, 8)):.2f}",
        )
        for name, device in DEVICES.items()
    ]
    heads = ("device", "memory", "reads", "ceiling, 1 slot", "ceiling, 8 slots", "per million")
    return _table(heads, rows)


def ceiling(facts: GGUFFacts, device: Device, slots: int, tokens: int = 2048) -> float:
    """Tokens a second in all slots if each step only read weights and caches once."""
    read = facts.size_bytes + slots * kv_cache_bytes(facts, ServerShape(1, tokens))
    return slots * device.bandwidth * 10**9 / read


def per_million(price: float, tokens_per_second: float, share: float = 1.0) -> float:
    """What do a million tokens cost at `price` an hour, busy for a `share` of the time?"""
    return price * 10**6 / (3600 * tokens_per_second * share)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


TABLES: dict[str, Callable[[], str]] = {
    "kv": _kv_table,
    "slots": _slots_table,
    "ceiling": _ceiling_table,
}
