"""How much memory does a llama-server with this model need?

The formulas are llama.cpp's (`llama-kv-cache.cpp`, `llama-kv-cache-iswa.cpp`): the KV cache is
exact for what is known of an architecture and an upper bound elsewhere; the compute buffers are
fitted to the shipped build. An integration test compares both with what the real server logs.

    KV bytes of a layer = slots × cells × (K + V) elements × bytes per element
    cells               = tokens per slot, or window + micro batch where a layer has a window
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from llmstack.engines.facts import GGUFFacts

MARGIN = 2**30
"""What a device's driver and the server itself take besides: context, code, scratch."""

_PAD = 256
_F32, _F16 = 4, 2
# Widths of activations alive at once, in units of the embedding (fitted: SmolLM2, 12 MiB at 512).
_ACTIVATIONS = 14

_ELEMENT_BYTES = {
    "f32": Fraction(4),
    "f16": Fraction(2),
    "bf16": Fraction(2),
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
}


@dataclass(frozen=True)
class WindowPattern:
    """Of `period` layers all but one have a sliding window: all but the last, or but the first."""

    period: int
    dense_first: bool = False
    window: int | None = None


# What llama.cpp knows of an architecture besides its header. One that is not here, and whose header
# has no pattern, counts as full attention: an upper bound.
_WINDOWS = {
    "afmoe": WindowPattern(4),
    "cohere2": WindowPattern(4),
    "cohere2moe": WindowPattern(4, dense_first=True),
    "exaone4": WindowPattern(4),
    "exaone-moe": WindowPattern(4, window=128),
    "gemma2": WindowPattern(2, window=4096),
    "gemma3": WindowPattern(6),
    "gemma3n": WindowPattern(5),
    "gpt-oss": WindowPattern(2),
    "laguna": WindowPattern(4, dense_first=True),
    "llama4": WindowPattern(4, window=8192),
    "mellum": WindowPattern(4),
    "muse-glimmer": WindowPattern(4),
    "olmo2": WindowPattern(4),
    "plamo3": WindowPattern(8),
    "smallthinker": WindowPattern(4, dense_first=True, window=4096),
}


@dataclass(frozen=True)
class ServerShape:
    """Parameters of a server that determine its memory. `context_length` is tokens per slot,
    `ubatch` the micro batch.
    """

    slots: int
    context_length: int
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    ubatch: int = 512
    flash_attention: bool = True
    mmproj_bytes: int = 0

    @property
    def cells(self) -> int:
        """Tokens that a slot has room for: llama.cpp pads, in all and per slot."""
        return _padded(_padded(self.slots * self.context_length) // self.slots)


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by what they are for."""

    weights: int
    kv_cache: int
    compute: int
    projector: int

    @property
    def least(self) -> int:
        """Without these it cannot run: what a refusal may go by."""
        return self.weights + self.kv_cache + self.compute + self.projector

    @property
    def total(self) -> int:
        """With a margin for what nobody counts: what a request should ask for."""
        return self.least + MARGIN


def estimate(facts: GGUFFacts, shape: ServerShape) -> MemoryEstimate | None:
    """Estimate the memory of a replica, or None if the header lacks the model's shape."""
    if not facts.block_count or not facts.embedding_length or not facts.head_count:
        return None
    return MemoryEstimate(
        weights=facts.size_bytes,
        kv_cache=kv_cache_bytes(facts, shape),
        compute=_compute_bytes(facts, shape),
        projector=shape.mmproj_bytes,
    )


def kv_cache_bytes(facts: GGUFFacts, shape: ServerShape) -> int:
    """Return the size of the KV cache of all slots, in bytes."""
    bytes_k, bytes_v = _ELEMENT_BYTES[shape.cache_type_k], _ELEMENT_BYTES[shape.cache_type_v]
    per_slot = Fraction(0)
    for heads, window in zip(_kv_heads(facts), _windows(facts), strict=True):
        key, value = _lengths(facts, windowed=window is not None)
        wide = bytes_k * key + (0 if facts.key_length_mla else bytes_v * value)
        per_slot += _cells(shape, window) * heads * wide
    return int(shape.slots * per_slot)


def _cells(shape: ServerShape, window: int | None) -> int:
    if window is None:
        return shape.cells
    return _padded(min(shape.cells, window + shape.ubatch))


def _kv_heads(facts: GGUFFacts) -> tuple[int, ...]:
    """Of every layer; one that the list leaves out is taken as the widest."""
    layers, heads = facts.block_count or 0, facts.head_count_kv
    if isinstance(heads, tuple):
        return (heads + (max(heads),) * layers)[:layers]
    return (heads if heads is not None else facts.head_count or 0,) * layers


def _windows(facts: GGUFFacts) -> tuple[int | None, ...]:
    """Of every layer: the sliding window, None for full attention."""
    layers, known = facts.block_count or 0, _WINDOWS.get(facts.architecture)
    window = facts.sliding_window
    if known and known.window and (window is None or facts.architecture == "llama4"):
        window = known.window if window != 0 else None
    if not window:
        return (None,) * layers
    return tuple(window if flag else None for flag in _window_flags(facts, known, layers))


def _window_flags(facts: GGUFFacts, known: WindowPattern | None, layers: int) -> Iterator[bool]:
    pattern = facts.sliding_window_pattern
    if isinstance(pattern, tuple):
        flags = (*pattern, *(0,) * layers)[:layers]
        yield from map(bool, flags)
        return
    period = pattern if pattern is not None and known else known.period if known else 1
    for layer in range(layers):
        dense = 0 if known and known.dense_first else period - 1
        yield period == 0 or layer % period != dense


def _lengths(facts: GGUFFacts, *, windowed: bool) -> tuple[int, int]:
    """Of a key and of a value, per head."""
    usual = (facts.embedding_length or 0) // (facts.head_count or 1)
    key = usual if facts.key_length is None else facts.key_length
    value = usual if facts.value_length is None else facts.value_length
    if not windowed:
        return key, value
    return facts.key_length_swa or key, facts.value_length_swa or value


def _compute_bytes(facts: GGUFFacts, shape: ServerShape) -> int:
    """Activations of a micro batch, its attention mask, logits of one token per slot.

    Without flash attention the scores of all heads come on top. A cache type other than a float
    needs flash attention, and llama.cpp then turns it on.
    """
    activations = shape.ubatch * (facts.embedding_length or 0) * _ACTIVATIONS * _F32
    mask = shape.ubatch * shape.cells * (_F16 + 1)
    logits = shape.slots * (facts.vocabulary_size or 0) * _F32
    quantized = not shape.cache_type_v.endswith(("f16", "f32"))
    if shape.flash_attention or quantized:
        return activations + mask + logits
    scores = shape.ubatch * shape.cells * (facts.head_count or 0) * _F32
    return activations + mask + logits + scores


def _padded(count: int) -> int:
    return -(-count // _PAD) * _PAD
