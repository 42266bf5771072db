"""How is a small GGUF file made? Enough of the format for tests, without numpy.

gguf_bytes(context_length=2048)                   a tiny model
gguf_bytes(weights=50_000_000)                    100 MB of weights (F16, pseudo-random)
split_bytes(3)                                    the parts of a split model
"""

import random
import struct
from collections.abc import Mapping, Sequence

_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _UINT64 = 4, 5, 6, 7, 8, 9, 10
_F16 = 1
_ALIGNMENT = 32


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value: object) -> tuple[int, bytes]:
    match value:
        case bool():
            return _BOOL, struct.pack("<?", value)
        case int() if value < 2**32:
            return _UINT32, struct.pack("<I", value)
        case int():
            return _UINT64, struct.pack("<Q", value)
        case float():
            return _FLOAT32, struct.pack("<f", value)
        case str():
            return _STRING, _string(value)
        case _:
            raise TypeError(f"no GGUF scalar: {value!r}")


def _value(value: object) -> bytes:
    if isinstance(value, list | tuple):
        items = [_scalar(item) for item in value]
        kind = items[0][0] if items else _INT32
        data = b"".join(item for _, item in items)
        return struct.pack("<IIQ", _ARRAY, kind, len(items)) + data
    kind, data = _scalar(value)
    return struct.pack("<I", kind) + data


def header_bytes(keys: Mapping[str, object], tensors: Sequence[tuple[str, int, int, int]]) -> bytes:
    """Header with these keys and tensors, each (name, weights, type, offset), padded."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, value in keys.items():
        head += _string(key) + _value(value)
    for name, weights, kind, offset in tensors:
        head += _string(name) + struct.pack("<IQIQ", 1, weights, kind, offset)
    return head + b"\0" * (-len(head) % _ALIGNMENT)


def model_keys(architecture: str = "llama", **changes: object) -> dict[str, object]:
    """The keys of a small llama; a change of None removes one, `__` stands for a dot."""
    keys: dict[str, object] = {
        "general.architecture": architecture,
        "general.name": "Tiny",
        "general.file_type": 1,
        f"{architecture}.context_length": 2048,
        f"{architecture}.embedding_length": 64,
        f"{architecture}.block_count": 2,
        f"{architecture}.attention.head_count": 4,
        f"{architecture}.attention.head_count_kv": 2,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"token {number}" for number in range(300)],
        "tokenizer.ggml.scores": [0.5] * 300,
        "tokenizer.chat_template": "{{ messages }}",
    }
    for name, value in changes.items():
        keys[_key(architecture, name)] = value
    return {key: value for key, value in keys.items() if value is not None}


def _key(architecture: str, name: str) -> str:
    if "__" in name:
        return name.replace("__", ".")
    prefix = "" if name in ("context_length", "embedding_length", "block_count") else "attention."
    return f"{architecture}.{prefix}{name}"


def gguf_bytes(
    architecture: str = "llama", weights: int = 4096, seed: int = 1, **changes: object
) -> bytes:
    """A GGUF file of F16 weights. Two seeds give two files of equal size."""
    keys = model_keys(architecture, **changes)
    half = weights // 2 // 16 * 16
    tensors = [
        ("token_embd.weight", half, _F16, 0),
        ("output.weight", weights - half, _F16, 2 * half),
    ]
    return header_bytes(keys, tensors) + _noise(2 * weights, seed)


def _noise(length: int, seed: int) -> bytes:
    """In pieces: one call makes at most 256 MiB."""
    source, piece = random.Random(seed), 2**24
    return b"".join(
        source.randbytes(min(piece, length - start)) for start in range(0, length, piece)
    )


def split_bytes(parts: int, weights: int = 4096) -> list[bytes]:
    """The parts of a split model, as llama-gguf-split writes them: only the first has the keys."""
    files = []
    for number in range(parts):
        keys = model_keys() if number == 0 else {}
        keys |= {"split.no": number, "split.count": parts, "split.tensors.count": parts}
        head = header_bytes(keys, [(f"blk.{number}.weight", weights, _F16, 0)])
        files.append(head + _noise(2 * weights, number))
    return files
