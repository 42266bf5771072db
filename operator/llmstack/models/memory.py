"""How much memory does a replica need?

    weights        the file's size; a projector's on top
    KV cache       per layer: cells × streams × (key length + value length) × heads × bytes
    compute        one micro-batch: the logits, and some activations beside them
    margin         the device's own context, fragmentation, what is not counted here

Each slot is a stream of its own (`--no-kv-unified`), of as many cells as it has tokens of context;
layers with a sliding window keep only the window and one micro-batch. From llama.cpp's
llama-kv-cache.cpp and llama-hparams.cpp.
"""

from dataclasses import dataclass
from fractions import Fraction

from llmstack.models.facts import GGUFFacts

MARGIN_BYTES = 2**30

# Bytes per element; quantised types store blocks of 32 with their scales.
_ELEMENT = {
    "f32": Fraction(4),
    "f16": Fraction(2),
    "bf16": Fraction(2),
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
}
_CELL_BLOCK = 256
_ACTIVATIONS = 16
"""How many vectors of the model's width are alive at once in a micro-batch, generously."""

_PERIODS = {
    "afmoe": 4,
    "cohere2": 4,
    "cohere2moe": 4,
    "exaone-moe": 4,
    "exaone4": 4,
    "gemma-embedding": 6,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "modern-bert": 3,
    "olmo2": 4,
    "plamo3": 8,
    "smallthinker": 4,
}
"""Of every so many layers one has no window; the rest ignores `sliding_window`."""
_FULL_LAYER_FIRST = frozenset({"cohere2moe", "modern-bert", "smallthinker"})


@dataclass(frozen=True)
class Load:
    """What is one replica started for? `context_length` is of one slot, in tokens."""

    slots: int
    context_length: int
    kv_cache_type: str = "f16"
    micro_batch_size: int = 512


def estimate_memory(facts: GGUFFacts, size_bytes: int, load: Load) -> int | None:
    """How many bytes in all? `size_bytes` is the size of all files. None if the header is too bare.

    For all layers on the devices; a model that runs partly on the CPU needs less of them.
    """
    cache = kv_cache_bytes(facts, load)
    if cache is None:
        return None
    return size_bytes + cache + _compute_bytes(facts, load) + MARGIN_BYTES


def kv_cache_bytes(facts: GGUFFacts, load: Load) -> int | None:
    """How large is the KV cache? None if the header does not say how wide it is."""
    heads = _heads(facts)
    if heads is None:
        return None
    windows = window_layers(facts)
    elements = 0
    for count, windowed in zip(heads, windows, strict=True):
        lengths = _lengths(facts, windowed=windowed)
        if lengths is None:
            return None
        elements += count * sum(lengths) * _cells(facts, load, windowed=windowed)
    return int(elements * load.slots * _ELEMENT[load.kv_cache_type])


def window_layers(facts: GGUFFacts) -> tuple[bool, ...]:
    """Which layers keep only a sliding window?"""
    layers = facts.block_count or 0
    pattern = facts.sliding_window_pattern
    if not facts.sliding_window:
        return (False,) * layers
    if isinstance(pattern, tuple):
        return tuple(bool(flag) for flag in (pattern + (0,) * layers)[:layers])
    period = _PERIODS.get(facts.architecture) if pattern is None else pattern
    if period is None or facts.architecture not in _PERIODS:
        return (False,) * layers
    if facts.architecture in _FULL_LAYER_FIRST:
        return tuple(period == 0 or layer % period != 0 for layer in range(layers))
    return tuple(period == 0 or layer % period < period - 1 for layer in range(layers))


def _heads(facts: GGUFFacts) -> tuple[int, ...] | None:
    """How many heads of keys and values has each layer? Without a number of their own: all."""
    heads = facts.head_count if facts.head_count_kv is None else facts.head_count_kv
    if facts.block_count is None or heads is None:
        return None
    if isinstance(heads, tuple):
        return (heads + (0,) * facts.block_count)[: facts.block_count]
    return (heads,) * facts.block_count


def _lengths(facts: GGUFFacts, *, windowed: bool) -> tuple[int, int] | None:
    """How long are one head's key and value? Latent attention (MLA) keeps keys only."""
    width, heads = facts.embedding_length, facts.head_count
    default = width // heads if width and heads else None
    key = (facts.key_length_swa if windowed else None) or facts.key_length or default
    value = (facts.value_length_swa if windowed else None) or facts.value_length or default
    if key is None or value is None:
        return None
    return key, 0 if facts.key_length_mla else value


def _cells(facts: GGUFFacts, load: Load, *, windowed: bool) -> int:
    cells = _padded(load.context_length)
    if windowed and facts.sliding_window:
        return min(cells, _padded(facts.sliding_window + load.micro_batch_size))
    return cells


def _padded(cells: int) -> int:
    return -(-cells // _CELL_BLOCK) * _CELL_BLOCK


def _compute_bytes(facts: GGUFFacts, load: Load) -> int:
    width = (facts.vocabulary_size or 0) + _ACTIVATIONS * (facts.embedding_length or 0)
    return 4 * load.micro_batch_size * width
