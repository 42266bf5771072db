"""What does a GGUF file say about its model?"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Above every known model (the largest has 126 layers, 128 heads): bounds on what a report carries.
MAX_LAYERS = 256
MAX_HEADS = 1023
MAX_TEXT = 64


@dataclass(frozen=True)
class GGUFFacts:
    """The model in a GGUF file, in the terms of its header.

    `parameters` counts the weights; `size_bytes` is the file (of a split model: all parts).
    `head_count_kv` is one number, or one per layer where layers differ (0: no attention there).
    `sliding_window_pattern` is a period, or 1 for each layer with a sliding window and 0 for each
    without. The `…_swa` lengths are those of layers with a window, `key_length_mla` is there only
    where multi-head latent attention is used.
    What the header leaves out is None. `quantization` is a name such as Q4_K_M, or "" if unknown.
    """

    architecture: str
    parameters: int
    quantization: str
    size_bytes: int
    context_length: int | None = None
    block_count: int | None = None
    embedding_length: int | None = None
    head_count: int | None = None
    head_count_kv: int | tuple[int, ...] | None = None
    key_length: int | None = None
    value_length: int | None = None
    key_length_swa: int | None = None
    value_length_swa: int | None = None
    key_length_mla: int | None = None
    sliding_window: int | None = None
    sliding_window_pattern: int | tuple[int, ...] | None = None
    kv_lora_rank: int | None = None
    vocabulary_size: int | None = None
    split_count: int = 1
    has_chat_template: bool = False
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        """As compact JSON: camelCase keys, nothing that is a default."""
        return {
            _camel(field.name): list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "GGUFFacts":
        """The inverse of to_json. Unknown keys are ignored; raises ValueError for wrong types."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            key = _camel(field.name)
            if key in data:
                values[field.name] = _checked(key, data[key], field.name)
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None


_TEXTS = ("architecture", "quantization", "name")
_PER_LAYER = ("head_count_kv", "sliding_window_pattern")


def _checked(key: str, value: Any, name: str) -> Any:
    if name in _TEXTS:
        right = isinstance(value, str)
    elif name == "has_chat_template":
        right = isinstance(value, bool)
    elif name in _PER_LAYER and isinstance(value, list):
        right = all(_is_count(item) for item in value)
        value = tuple(value)
    else:
        right = _is_count(value)
    if not right:
        raise ValueError(f"{key}: unexpected value {value!r}")
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
