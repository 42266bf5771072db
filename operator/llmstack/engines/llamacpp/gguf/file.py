"""Which model is in a GGUF file?"""

from collections.abc import Sequence
from dataclasses import replace

from llmstack.engines.facts import (
    MAX_HEADS,
    MAX_LAYERS,
    MAX_TEXT,
    GGUFFacts,
    GGUFFile,
    Kind,
    NotGGUF,
    Read,
    Split,
)
from llmstack.engines.llamacpp.gguf.reader import Header, check_magic, read_header
from llmstack.engines.llamacpp.gguf.types import QUANTIZATIONS

__all__ = [
    "GGUFFile",
    "NotGGUF",
    "Read",
    "Split",
    "check_magic",
    "combine",
    "read_facts",
    "read_file",
]

_MAX_NUMBER = 2**40


def read_facts(read: Read, size: int) -> GGUFFacts:
    """The model in this file of `size` bytes. Raises NotGGUF, and whatever `read` raises."""
    return read_file(read, size).facts


def read_file(read: Read, size: int) -> GGUFFile:
    """The header of this file of `size` bytes. Raises NotGGUF, and whatever `read` raises.

    Of a split model's later parts (which carry weights and little else) only `parameters` and
    `size_bytes` of the facts mean something: see `combine`.
    """
    header = read_header(read, size)
    if header.data_end > size:
        raise NotGGUF(
            f"the file is truncated: it has {size} bytes and its header announces {header.data_end}"
        )
    keys = _Keys(header)
    return GGUFFile(_facts(keys, header, size), _split(keys, header))


def combine(parts: Sequence[GGUFFacts]) -> GGUFFacts:
    """Combine the facts of all parts of a split model. The first part describes it."""
    odd = next((part for part in parts if part.unknown_tensor), parts[0])
    return replace(
        parts[0],
        parameters=sum(part.parameters for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
        unknown_tensor=odd.unknown_tensor,
        unknown_type=odd.unknown_type,
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable())[:MAX_TEXT]


class _Keys:
    """The header's keys, those of the architecture by their last words."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self.architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self._header.values.get(key, "")
        if not isinstance(value, str):
            raise NotGGUF(f"the header is damaged: {key} is no text")
        return _printable(value)

    def number(self, key: str) -> int | None:
        value = self._header.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or not 0 <= value <= _MAX_NUMBER:
            raise NotGGUF(f"the header is damaged: {key} is {value!r}")
        return value

    def of_model(self, key: str) -> int | None:
        return self.number(f"{self.architecture}.{key}")

    def per_layer(self, key: str, most: int) -> int | tuple[int, ...] | None:
        full = f"{self.architecture}.{key}"
        value = self._header.values.get(full)
        if not isinstance(value, tuple):
            number = self.number(full)
            if number is not None and number > most:
                raise NotGGUF(f"the header is damaged: {full} is {number}")
            return number
        if not value or not all(0 <= item <= most for item in value):
            raise NotGGUF(f"the header is damaged: {full} is {value!r:.80}")
        return value[0] if len(set(value)) == 1 else value

    def window(self) -> int | None:
        """Some converters write one window per layer; llama.cpp takes the first."""
        value = self.per_layer("attention.sliding_window", _MAX_NUMBER)
        return value[0] if isinstance(value, tuple) else value

    def heads(self) -> int | None:
        """Where layers differ, the most: layers without attention count 0."""
        value = self.per_layer("attention.head_count", MAX_HEADS)
        return max(value) if isinstance(value, tuple) else value

    def window_pattern(self) -> int | tuple[int, ...] | None:
        """A uniform list of flags stays a list: a single number would read as a period."""
        full = f"{self.architecture}.attention.sliding_window_pattern"
        flags = self._header.values.get(full)
        if isinstance(flags, tuple) and flags and set(flags) <= {0, 1}:
            return flags
        return self.per_layer("attention.sliding_window_pattern", MAX_LAYERS)

    def vocabulary(self) -> int | None:
        length = self._header.lengths.get("tokenizer.ggml.tokens")
        return self.of_model("vocab_size") if length is None else length


def _split(keys: _Keys, header: Header) -> Split:
    return Split(
        number=keys.number("split.no"),
        count=keys.number("split.count"),
        total=keys.number("split.tensors.count"),
        tensors=header.tensors,
    )


_KINDS = {"mmproj": Kind.PROJECTOR, "adapter": Kind.ADAPTER, "imatrix": Kind.IMATRIX}
_KINDS_BY_ARCHITECTURE = {"clip": Kind.PROJECTOR, "controlvector": Kind.CONTROL_VECTOR}


def _kind(keys: _Keys, header: Header) -> Kind:
    """A first part without tensors is usual; its weights are in the others."""
    named = _KINDS.get(keys.text("general.type")) or _KINDS_BY_ARCHITECTURE.get(keys.architecture)
    if named:
        return named
    if any(key.startswith("clip.") for key in header.values):
        return Kind.PROJECTOR
    is_part = (keys.number("split.count") or 1) > 1
    return Kind.MODEL if header.tensors or is_part else Kind.VOCABULARY


def _facts(keys: _Keys, header: Header, size: int) -> GGUFFacts:
    splits = keys.number("split.count") or 1
    layers = keys.of_model("block_count")
    kind = _kind(keys, header)
    named = keys.architecture or kind in _KINDS.values()
    if not named and not keys.number("split.no"):
        raise NotGGUF("no model: its header names no architecture")
    if layers is not None and layers > MAX_LAYERS:
        raise NotGGUF(f"the model has {layers} layers; llama.cpp takes at most {MAX_LAYERS}")
    unknown_tensor, unknown_type = header.unknown or ("", None)
    return GGUFFacts(
        architecture=keys.architecture,
        parameters=header.weights,
        quantization=QUANTIZATIONS.get(keys.number("general.file_type") or 0, "")
        if "general.file_type" in header.values
        else "",
        size_bytes=size,
        context_length=keys.of_model("context_length"),
        block_count=layers,
        embedding_length=keys.of_model("embedding_length"),
        head_count=keys.heads(),
        head_count_kv=keys.per_layer("attention.head_count_kv", MAX_HEADS),
        key_length=keys.of_model("attention.key_length"),
        value_length=keys.of_model("attention.value_length"),
        key_length_swa=keys.of_model("attention.key_length_swa"),
        value_length_swa=keys.of_model("attention.value_length_swa"),
        key_length_mla=keys.of_model("attention.key_length_mla"),
        sliding_window=keys.window(),
        sliding_window_pattern=keys.window_pattern(),
        kv_lora_rank=keys.of_model("attention.kv_lora_rank"),
        vocabulary_size=keys.vocabulary(),
        split_count=splits,
        has_chat_template="tokenizer.chat_template" in header.values,
        name=keys.text("general.name"),
        kind=kind,
        unknown_tensor=_printable(unknown_tensor),
        unknown_type=unknown_type,
    )
