"""What does a GGUF file say about its model?"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Above every known model (the largest has 126 layers): a bound on what a status may carry.
MAX_LAYERS = 512


@dataclass(frozen=True)
class GGUFFacts:
    """The model in a GGUF file, in the terms of its header.

    `parameters` counts the weights; `size_bytes` is the file (of a split model: all parts).
    `head_count_kv` is one number, or one per layer where layers differ (0: no attention there).
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
    sliding_window: int | None = None
    kv_lora_rank: int | None = None
    rope_dimension_count: int | None = None
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


def _checked(key: str, value: Any, name: str) -> Any:
    if name in _TEXTS:
        right = isinstance(value, str)
    elif name == "has_chat_template":
        right = isinstance(value, bool)
    elif name == "head_count_kv" and isinstance(value, list):
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
