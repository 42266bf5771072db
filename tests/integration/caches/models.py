"""Models that cost next to nothing to run: random weights, the sample model's vocabulary.

tiny(directory)      Llama: all of a prompt's cache can be cut anywhere
sliding(directory)   Cohere 2: three layers of four see a window, so the server makes checkpoints
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy
from gguf import GGUFWriter

from bench.gpu.model import Shape, copy_tokenizer, write, write_tokenizer
from tests.e2e.images import model_file

SMALL: Final = Shape(layers=2, width=256, inner=512, heads=4, kv_heads=2, context=2048)
_LAYERS, _WIDTH, _HEADS, _WINDOW = 4, 64, 4, 64


def tiny(directory: Path) -> Path:
    """Writes it and gives its path."""
    return write(directory / "tiny.gguf", _tokenizer(directory), SMALL)


def sliding(directory: Path) -> Path:
    """Writes it and gives its path."""
    path = directory / "sliding.gguf"
    writer = GGUFWriter(path, "cohere2")
    writer.add_block_count(_LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(2 * _WIDTH)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_eps(1e-5)
    writer.add_sliding_window(_WINDOW)
    writer.add_logit_scale(1.0)
    writer.add_rope_freq_base(10000.0)
    vocabulary = copy_tokenizer(_tokenizer(directory), writer)
    writer.add_vocab_size(vocabulary)
    random = numpy.random.default_rng(1)
    for name, *shape in _tensors(vocabulary):
        ones = name.endswith("norm.weight")
        weights = numpy.ones(shape) if ones else random.normal(0, shape[-1] ** -0.5, shape)
        writer.add_tensor(name, weights.astype("f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(vocabulary: int) -> list[tuple[str, *tuple[int, ...]]]:
    """Name, rows and columns."""
    found: list[tuple[str, *tuple[int, ...]]] = [
        ("token_embd.weight", vocabulary, _WIDTH),
        ("output_norm.weight", _WIDTH),
    ]
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        found.append((f"{block}attn_norm.weight", _WIDTH))
        found += [(f"{block}attn_{name}.weight", _WIDTH, _WIDTH) for name in ("q", "k", "v")]
        found.append((f"{block}attn_output.weight", _WIDTH, _WIDTH))
        found += [(f"{block}ffn_{name}.weight", 2 * _WIDTH, _WIDTH) for name in ("gate", "up")]
        found.append((f"{block}ffn_down.weight", _WIDTH, 2 * _WIDTH))
    return found


def _tokenizer(directory: Path) -> Path:
    return write_tokenizer(directory / "tokenizer.gguf", model_file())
