"""How does the real llama-server get a reranker to serve, without downloading one?

rerank_model(path) writes a BERT of one layer with random weights, 60 kB: `--rerank` takes it, and
its scores mean nothing, but they are the same each time and differ between documents.
"""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase, digits
from typing import Final

import numpy
from gguf import GGUFWriter, PoolingType

WIDTH: Final = 32
INNER: Final = 64
CONTEXT: Final = 256
SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHARACTERS: Final = ascii_lowercase + digits
# A word begins with a mark; whatever follows in it is told apart by lacking it.
TOKENS: Final = (*SPECIAL, *(f"▁{letter}" for letter in CHARACTERS), *CHARACTERS)

_NORMAL, _CONTROL = 1, 3
_LAYER: Final = "blk.0."
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "token_embd.weight": (len(TOKENS), WIDTH),
    "token_types.weight": (2, WIDTH),
    "position_embd.weight": (CONTEXT, WIDTH),
    "token_embd_norm.weight": (WIDTH,),
    "token_embd_norm.bias": (WIDTH,),
    f"{_LAYER}attn_q.weight": (WIDTH, WIDTH),
    f"{_LAYER}attn_k.weight": (WIDTH, WIDTH),
    f"{_LAYER}attn_v.weight": (WIDTH, WIDTH),
    f"{_LAYER}attn_output.weight": (WIDTH, WIDTH),
    f"{_LAYER}attn_output_norm.weight": (WIDTH,),
    f"{_LAYER}attn_output_norm.bias": (WIDTH,),
    f"{_LAYER}ffn_up.weight": (INNER, WIDTH),
    f"{_LAYER}ffn_down.weight": (WIDTH, INNER),
    f"{_LAYER}layer_output_norm.weight": (WIDTH,),
    f"{_LAYER}layer_output_norm.bias": (WIDTH,),
    "cls.weight": (WIDTH, WIDTH),
    "cls.bias": (WIDTH,),
    "cls.output.weight": (1, WIDTH),
    "cls.output.bias": (1,),
}


def rerank_model(path: Path, seed: int = 1) -> Path:
    """Writes the model and gives its path."""
    writer = GGUFWriter(path, "bert")
    _describe(writer)
    _add_vocabulary(writer)
    random = numpy.random.default_rng(seed)
    for name, shape in _SHAPES.items():
        weights = random.normal(0, 0.3, shape)
        writer.add_tensor(name, (1 + weights if "norm.weight" in name else weights).astype("f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: GGUFWriter) -> None:
    writer.add_name("Tiny reranker")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.RANK)
    writer.add_classifier_output_labels(["relevance"])


def _add_vocabulary(writer: GGUFWriter) -> None:
    writer.add_tokenizer_model("bert")
    writer.add_token_list(list(TOKENS))
    writer.add_token_types([_CONTROL if token in SPECIAL else _NORMAL for token in TOKENS])
    writer.add_token_type_count(2)
    writer.add_pad_token_id(SPECIAL.index("[PAD]"))
    writer.add_unk_token_id(SPECIAL.index("[UNK]"))
    writer.add_bos_token_id(SPECIAL.index("[CLS]"))
    writer.add_eos_token_id(SPECIAL.index("[SEP]"))
    writer.add_sep_token_id(SPECIAL.index("[SEP]"))
    writer.add_mask_token_id(SPECIAL.index("[MASK]"))
