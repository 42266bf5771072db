"""Which model is in a GGUF file?"""

from collections.abc import Sequence
from dataclasses import replace

from llmstack.models.facts import MAX_HEADS, MAX_LAYERS, MAX_TEXT, GGUFFacts
from llmstack.models.gguf_reader import Header, NotGGUF, Read, check_magic, read_header
from llmstack.models.gguf_types import QUANTIZATIONS

__all__ = ["NotGGUF", "Read", "check_magic", "combine", "read_facts"]

_MAX_NUMBER = 2**40


def read_facts(read: Read, size: int) -> GGUFFacts:
    """Which model is in this file of `size` bytes? Raises NotGGUF, and whatever `read` raises.

    Of a split model's later parts (which carry weights and little else) only `parameters` and
    `size_bytes` mean something: see `combine`.
    """
    header = read_header(read, size)
    if header.data_end > size:
        raise NotGGUF(
            f"the file is truncated: it has {size} bytes and its header announces {header.data_end}"
        )
    return _facts(_Keys(header), header, size)


def combine(parts: Sequence[GGUFFacts]) -> GGUFFacts:
    """Which model do the parts of a split model make up? The first part describes it."""
    return replace(
        parts[0],
        parameters=sum(part.parameters for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
    )


class _Keys:
    """The header's keys, those of the architecture by their last words."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self.architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self._header.values.get(key, "")
        if not isinstance(value, str):
            raise NotGGUF(f"the header is damaged: {key} is no text")
        return "".join(c for c in value if c.isascii() and c.isprintable())[:MAX_TEXT]

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


def _facts(keys: _Keys, header: Header, size: int) -> GGUFFacts:
    splits = keys.number("split.count") or 1
    layers = keys.of_model("block_count")
    if not keys.architecture and not keys.number("split.no"):
        raise NotGGUF("no model: its header names no architecture")
    if layers is not None and layers > MAX_LAYERS:
        raise NotGGUF(f"the header is damaged: {layers} layers")
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
    )
