"""Are the places of an array's entries those that a parser would find?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.scan.entries import entries
from llmstack.scan.outline import Kind, Span

VALUES = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def found(text: bytes) -> list[bytes]:
    span = Span("input", Kind.ARRAY, 0, 0, len(text))
    return [text[start:end] for start, end in entries(text, span)]


@given(st.lists(VALUES, max_size=8), st.sampled_from([None, 2]), st.booleans())
def test_each_entry_is_found_whole(values: list[Any], indent: int | None, ascii: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    pieces = [json.loads(piece.decode("utf-8", "surrogatepass")) for piece in found(text)]
    assert pieces == values


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (b"[]", []),
        (b"[ ]", []),
        (b'["a,b","]",  "\\"" ]', [b'"a,b"', b'"]"', b'  "\\"" ']),
        (b"[[1,2],[3],[]]", [b"[1,2]", b"[3]", b"[]"]),
        (b'[{"a":[1,"}"]},"x"]', [b'{"a":[1,"}"]}', b'"x"']),
    ],
)
def test_brackets_and_commas_in_strings_are_text(text: bytes, pieces: list[bytes]) -> None:
    assert found(text) == pieces
