"""What lies where in a GGUF file? The bytes of the header, without trust in what they say.

A header is mostly tokenizer: arrays of some hundred thousand strings. They are walked over, never
kept. No length from the file is ever allocated or looped over before it is checked against the
size of the file and the bounds below.

    magic "GGUF" · u32 version · u64 tensors · u64 keys
    per key:     string name · u32 type · value
    per tensor:  string name · u32 dimensions · u64 each · u32 type · u64 offset into the data
    padding to general.alignment · data
"""

import struct
from dataclasses import dataclass, field
from math import prod

from llmstack.engines.facts import MAX_LAYERS, NotGGUF, Read
from llmstack.engines.llamacpp.gguf import types

Value = int | float | str | tuple[int, ...]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_WINDOW = 2**18
_MAX_KEYS = 2**12
_MAX_TENSORS = 2**18
_MAX_NAME = 2**16
_MAX_TENSOR_NAME = 63  # GGML_MAX_NAME, without the closing zero
_MAX_TEXT = 256
_MAX_ELEMENTS = 2**22
_MAX_DEPTH = 4
_MAX_DIMENSIONS = 4
_MAX_WEIGHTS = 2**50


@dataclass(frozen=True)
class Header:
    """Keys of the file (long arrays are left out, their lengths kept) and its tensors in sum.

    `unknown` is the first tensor of a type that is not in `gguf_types.BLOCKS`, with that type.
    """

    values: dict[str, Value]
    lengths: dict[str, int]
    tensors: frozenset[str]
    weights: int
    data_end: int
    unknown: tuple[str, int] | None


def check_magic(start: bytes) -> None:
    """Check that these bytes start a GGUF file. Raises NotGGUF, saying what they are instead."""
    if start[:4] == MAGIC:
        return
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html")):
        what = "a web page: the address leads to a page about the file, not to the file"
    elif start.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer: the address must lead to the file itself"
    elif start.startswith(b"PK\x03\x04"):
        what = "a zip archive or PyTorch checkpoint"
    elif start[8:9] == b"{":
        what = "a safetensors file"
    else:
        what = f"something that begins with {start[:8].hex(' ') or 'nothing'}"
    raise NotGGUF(f"not a GGUF file but {what}; llama.cpp serves GGUF files only")


def read_header(read: Read, size: int) -> Header:
    """Read a GGUF header. Raises NotGGUF, and whatever `read` raises."""
    cursor = _Cursor(read, size)
    check_magic(read(0, min(size, 512)))
    cursor.skip(len(MAGIC))
    version = cursor.number("<I")
    if version not in VERSIONS:
        raise NotGGUF(f"GGUF version {version} (or big-endian); llama.cpp reads 2 and 3")
    tensors = cursor.count("<Q", _MAX_TENSORS, "tensors")
    keys = cursor.count("<Q", _MAX_KEYS, "keys")
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(keys):
        _read_key(cursor, values, lengths)
    found = _read_tensors(cursor, tensors)
    return Header(
        values,
        lengths,
        frozenset(found.names),
        found.weights,
        _data_end(cursor, values, found),
        found.unknown,
    )


class _Cursor:
    """A place in the file and a window of bytes around it."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._window = b""
        self._start = 0
        self._elements = _MAX_ELEMENTS
        self.position = 0

    def take(self, length: int) -> bytes:
        """The next bytes; `length` is bounded by the caller."""
        self._require(length)
        at = self.position - self._start
        if at < 0 or at + length > len(self._window):
            self._window = self._read(self.position, min(_WINDOW, self._size - self.position))
            self._start, at = self.position, 0
            if len(self._window) < length:
                raise NotGGUF(f"the file ends within its header, at byte {self._size}")
        self.position += length
        return self._window[at : at + length]

    def skip(self, length: int) -> None:
        self._require(length)
        self.position += length

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def count(self, form: str, most: int, what: str) -> int:
        count = self.number(form)
        if count > most:
            raise NotGGUF(f"the header is damaged: {count} {what}")
        return count

    def spend(self, elements: int) -> None:
        """Elements that must be walked over one by one are bounded for the whole file."""
        self._elements -= elements
        if self._elements < 0:
            raise NotGGUF("the header is damaged: its arrays are longer than any tokenizer's")

    def text(self, most: int) -> str:
        length = self.number("<Q")
        kept = self.take(min(length, most))
        self.skip(length - len(kept))
        return kept.decode("utf-8", "replace")

    def name(self, most: int) -> str:
        length = self.count("<Q", most, "bytes in a name")
        return self.take(length).decode("utf-8", "replace")

    def _require(self, length: int) -> None:
        if length > self._size - self.position:
            raise NotGGUF(f"the file ends within its header, at byte {self._size}")


def _read_key(cursor: _Cursor, values: dict[str, Value], lengths: dict[str, int]) -> None:
    name = cursor.name(_MAX_NAME)
    kind = cursor.number("<I")
    if kind == types.ARRAY:
        lengths[name], items = _read_array(cursor, 1)
        if items is not None:
            values[name] = items
    elif kind == types.STRING:
        values[name] = cursor.text(_MAX_TEXT)
    else:
        form = _form(kind)
        (values[name],) = struct.unpack(form, cursor.take(struct.calcsize(form)))


def _read_array(cursor: _Cursor, depth: int) -> tuple[int, tuple[int, ...] | None]:
    """Its length, and its items if they are few integers."""
    kind = cursor.number("<I")
    length = cursor.number("<Q")
    if kind in (types.STRING, types.ARRAY):
        cursor.spend(length)
        for _ in range(length):
            _skip_nested(cursor, kind, depth)
        return length, None
    form = _form(kind)
    if kind not in types.INTEGERS or length > MAX_LAYERS:
        cursor.skip(length * struct.calcsize(form))
        return length, None
    cursor.spend(length)
    return length, tuple(cursor.number(form) for _ in range(length))


def _skip_nested(cursor: _Cursor, kind: int, depth: int) -> None:
    if kind == types.STRING:
        cursor.skip(cursor.number("<Q"))
    elif depth >= _MAX_DEPTH:
        raise NotGGUF("the header is damaged: arrays within arrays")
    else:
        _read_array(cursor, depth + 1)


def _form(kind: int) -> str:
    form = types.FIXED.get(kind)
    if form is None:
        raise NotGGUF(f"the header is damaged: value type {kind}")
    return form


@dataclass
class _Tensors:
    """The tensors read so far: `end` is how far into the data section they reach."""

    names: set[str] = field(default_factory=set)
    weights: int = 0
    end: int = 0
    unknown: tuple[str, int] | None = None


def _read_tensors(cursor: _Cursor, count: int) -> _Tensors:
    found = _Tensors()
    for _ in range(count):
        name = cursor.name(_MAX_TENSOR_NAME)
        if name in found.names:
            raise NotGGUF(f"the header is damaged: two tensors have the name {name}")
        found.names.add(name)
        dimensions = cursor.count("<I", _MAX_DIMENSIONS, "dimensions of a tensor")
        size = prod(cursor.number("<Q") for _ in range(dimensions))
        kind = cursor.number("<I")
        offset = cursor.number("<Q")
        found.weights += size
        if found.weights > _MAX_WEIGHTS:
            raise NotGGUF("the header is damaged: more weights than any model has")
        if kind not in types.BLOCKS:
            found.unknown = found.unknown or (name, kind)
        # An unknown type has an unknown size: the place of its first byte must do.
        block, width = types.BLOCKS.get(kind, (1, 0))
        found.end = max(found.end, offset + -(-size // block) * width)
    return found


def _data_end(cursor: _Cursor, values: dict[str, Value], found: _Tensors) -> int:
    """Where the file must end at the earliest. Without tensors there is no padding either."""
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 2**20:
        raise NotGGUF(f"the header is damaged: alignment {alignment}")
    if not found.names:
        return cursor.position
    return -(-cursor.position // alignment) * alignment + found.end
