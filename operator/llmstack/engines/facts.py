"""What does a file say about its model?"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmstack.errors import InvalidInput

Read = Callable[[int, int], bytes]
"""read(offset, length): up to `length` bytes from `offset`; fewer only at the end of the file."""

MODEL_FIELD = "spec.model"
PROJECTOR_FIELD = "spec.model.mmproj"
"""The fields that name files."""

MAX_LAYERS = 512
"""llama.cpp's LLAMA_MAX_LAYERS: it refuses a model with more."""
# Above every known model (the largest has 128 heads): bounds on what a report carries.
MAX_HEADS = 1023
MAX_TEXT = 64


class NotGGUF(InvalidInput):
    """The file is none that the engine could load; the message says why."""


class Kind(StrEnum):
    """What a GGUF file holds. All but MODEL go with a model, or are of no use to a server."""

    MODEL = ""
    PROJECTOR = "projector"
    ADAPTER = "adapter"
    CONTROL_VECTOR = "control vector"
    IMATRIX = "importance matrix"
    VOCABULARY = "vocabulary"


@dataclass(frozen=True)
class GGUFFacts:
    """The model in a GGUF file, in the terms of its header.

    `parameters` counts the weights; `size_bytes` is the file (of a split model: all parts).
    `head_count_kv` is one number, or one per layer where layers differ (0: no attention there).
    `sliding_window_pattern` is a period, or 1 for each layer with a sliding window and 0 for each
    without. The `…_swa` lengths are those of layers with a window, `key_length_mla` is there only
    where multi-head latent attention is used.
    What the header leaves out is None. `quantization` is a name such as Q4_K_M, or "" if unknown.
    `unknown_tensor` is the first tensor whose type this project does not know, "" if there is none,
    and `unknown_type` the number of that type.
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
    kind: Kind = Kind.MODEL
    unknown_tensor: str = ""
    unknown_type: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As compact JSON: camelCase keys, nothing that is a default."""
        return {
            _camel(field.name): _plain(value)
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


_TEXTS = ("architecture", "quantization", "name", "unknown_tensor")
_PER_LAYER = ("head_count_kv", "sliding_window_pattern")


# Longer lists are written as two digits to the base of 36 per layer: 512 then fit into a report.
_LIST_LIMIT = 256
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Split:
    """What a file says of the split model it is a part of; None where it says nothing.

    `number` counts from 0, `count` is the number of parts, `total` the tensors of all parts and
    `tensors` the names of those in this file.
    """

    number: int | None
    count: int | None
    total: int | None
    tensors: frozenset[str]


@dataclass(frozen=True)
class GGUFFile:
    """One file: the model as its header describes it, and its place among the model's parts."""

    facts: GGUFFacts
    split: Split


def _plain(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    if len(value) <= _LIST_LIMIT:
        return list(value)
    return "".join(_DIGITS[item // 36] + _DIGITS[item % 36] for item in value)


def _unpacked(text: str) -> tuple[int, ...]:
    """The inverse of a packed list. Raises ValueError for other text."""
    return tuple(int(text[at : at + 2], 36) for at in range(0, len(text), 2))


def _checked(key: str, value: Any, name: str) -> Any:
    if name in _PER_LAYER and isinstance(value, str):
        return _unpacked(value)
    if name == "kind":
        return Kind(value)
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
