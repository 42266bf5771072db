"""How does the real llama-server get ears, without downloading a model that hears?

hearing(path, width) writes a Whisper encoder of one layer and a projector (Ultravox's) with random
weights, for a model whose embeddings have this width: `--mmproj` takes it. What it hears means
nothing, but it takes sound as a model that hears does, decoding and all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy
from gguf import GGUFWriter

EMBEDDING: Final = 32
INNER: Final = 64
MELS: Final = 80
POSITIONS: Final = 1500
STACKED: Final = 4
PROJECTED: Final = 64

_BLOCK: Final = "a.blk.0."
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "a.position_embd.weight": (POSITIONS, EMBEDDING),
    "a.conv1d.1.weight": (EMBEDDING, MELS, 3),
    "a.conv1d.1.bias": (EMBEDDING, 1),
    "a.conv1d.2.weight": (EMBEDDING, EMBEDDING, 3),
    "a.conv1d.2.bias": (EMBEDDING, 1),
    f"{_BLOCK}ln1.weight": (EMBEDDING,),
    f"{_BLOCK}ln1.bias": (EMBEDDING,),
    f"{_BLOCK}attn_q.weight": (EMBEDDING, EMBEDDING),
    f"{_BLOCK}attn_q.bias": (EMBEDDING,),
    f"{_BLOCK}attn_k.weight": (EMBEDDING, EMBEDDING),
    f"{_BLOCK}attn_v.weight": (EMBEDDING, EMBEDDING),
    f"{_BLOCK}attn_v.bias": (EMBEDDING,),
    f"{_BLOCK}attn_out.weight": (EMBEDDING, EMBEDDING),
    f"{_BLOCK}attn_out.bias": (EMBEDDING,),
    f"{_BLOCK}ln2.weight": (EMBEDDING,),
    f"{_BLOCK}ln2.bias": (EMBEDDING,),
    f"{_BLOCK}ffn_up.weight": (INNER, EMBEDDING),
    f"{_BLOCK}ffn_up.bias": (INNER,),
    f"{_BLOCK}ffn_down.weight": (EMBEDDING, INNER),
    f"{_BLOCK}ffn_down.bias": (EMBEDDING,),
    "a.post_ln.weight": (EMBEDDING,),
    "a.post_ln.bias": (EMBEDDING,),
    "mm.a.norm_pre.weight": (EMBEDDING * STACKED,),
    "mm.a.mlp.1.weight": (2 * PROJECTED, EMBEDDING * STACKED),
    "mm.a.norm_mid.weight": (PROJECTED,),
}


def hearing(path: Path, width: int, seed: int = 1) -> Path:
    """Writes the file and gives its path."""
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_string("clip.projector_type", "ultravox")
    for name, value in {
        "embedding_length": EMBEDDING,
        "feed_forward_length": INNER,
        "block_count": 1,
        "projection_dim": width,
        "attention.head_count": 2,
        "num_mel_bins": MELS,
        "projector.stack_factor": STACKED,
    }.items():
        writer.add_uint32(f"clip.audio.{name}", value)
    writer.add_float32("clip.audio.attention.layer_norm_epsilon", 1e-5)
    random = numpy.random.default_rng(seed)
    shapes = {**_SHAPES, "mm.a.mlp.2.weight": (width, PROJECTED)}
    for name, shape in shapes.items():
        weights = random.normal(0, 0.1, shape)
        is_norm = name.endswith("weight") and ("ln" in name or "norm" in name)
        kind = "f2" if "conv1d" in name and name.endswith("weight") else "f4"
        writer.add_tensor(name, (1 + weights if is_norm else weights).astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
