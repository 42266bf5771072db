"""Where does a model of eight billion weights come from, where no hub is reached?

It is made: the layers of Llama 3.1 8B with the vocabulary of the sample model, every weight random.
How fast a step is depends on shapes and types alone, so speed and memory are those of a model that
was trained; its text means nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter

_TOKENIZER = "tokenizer."
_BLOCK, _BLOCK_BYTES = 32, 20
"""Q4_1: weights of a block, and its bytes: scale and least as F16, then four bits a weight."""


@dataclass(frozen=True)
class Shape:
    """How many layers, and how wide."""

    layers: int = 32
    width: int = 4096
    inner: int = 14336
    heads: int = 32
    kv_heads: int = 8
    context: int = 131072

    def matrices(self, vocabulary: int) -> Iterator[tuple[str, int, int]]:
        """Name, rows and columns of what is quantized."""
        keys = self.width // self.heads * self.kv_heads
        yield "token_embd.weight", vocabulary, self.width
        yield "output.weight", vocabulary, self.width
        for layer in range(self.layers):
            yield f"blk.{layer}.attn_q.weight", self.width, self.width
            yield f"blk.{layer}.attn_k.weight", keys, self.width
            yield f"blk.{layer}.attn_v.weight", keys, self.width
            yield f"blk.{layer}.attn_output.weight", self.width, self.width
            yield f"blk.{layer}.ffn_gate.weight", self.inner, self.width
            yield f"blk.{layer}.ffn_up.weight", self.inner, self.width
            yield f"blk.{layer}.ffn_down.weight", self.width, self.inner

    def norms(self) -> Iterator[str]:
        """Names of what is a vector of ones."""
        yield "output_norm.weight"
        for layer in range(self.layers):
            yield f"blk.{layer}.attn_norm.weight"
            yield f"blk.{layer}.ffn_norm.weight"


def write(path: Path, tokenizer: Path, shape: Shape) -> Path:
    """Writes the model; the tokenizer is that of another GGUF file."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("Random weights")
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    vocabulary = copy_tokenizer(tokenizer, writer)
    writer.add_vocab_size(vocabulary)
    _add_weights(writer, shape, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tokenizer(path: Path, source: Path) -> Path:
    """A file with nothing but the tokenizer of another one: small enough to be carried about."""
    writer = GGUFWriter(path, "llama")
    copy_tokenizer(source, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def copy_tokenizer(source: Path, writer: GGUFWriter) -> int:
    """Returns how many tokens it has."""
    fields = GGUFReader(source).fields
    for name, field in fields.items():
        if name.startswith(_TOKENIZER):
            kind, *inner = field.types
            sub_type = inner[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type)
    return len(fields[f"{_TOKENIZER}ggml.tokens"].contents())


def _add_weights(writer: GGUFWriter, shape: Shape, vocabulary: int) -> None:
    random = numpy.random.default_rng(1)
    for name in shape.norms():
        writer.add_tensor(name, numpy.ones(shape.width, "f4"))
    for name, rows, columns in shape.matrices(vocabulary):
        data = _random_blocks(random, rows * columns // _BLOCK, columns**-0.5)
        data = data.reshape(rows, columns // _BLOCK * _BLOCK_BYTES)
        writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType.Q4_1)


def _random_blocks(random: numpy.random.Generator, count: int, deviation: float) -> numpy.ndarray:
    """Blocks whose weights have about that standard deviation, and a mean of about 0."""
    blocks = random.integers(0, 256, (count, _BLOCK_BYTES), "u1")
    # A weight is scale × q + least, with q from 0 to 15: evenly spread, so 4.6 scales deviation.
    scale = deviation / 4.6
    blocks[:, 0:2] = numpy.frombuffer(numpy.float16(scale).tobytes(), "u1")
    blocks[:, 2:4] = numpy.frombuffer(numpy.float16(-7.5 * scale).tobytes(), "u1")
    return blocks
