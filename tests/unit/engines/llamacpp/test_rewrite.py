"""Which bytes of a body change when members are removed, replaced or added?"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.rewrite import BOM, moved, rewrite
from tests.support.outlines import outline_of


def rewritten(body: bytes, **edits: bytes | None) -> bytes:
    return rewrite(body, outline_of(body.removeprefix(BOM)), edits)


@pytest.mark.parametrize(
    ("body", "edits", "expected"),
    [
        (b'{"a": 1}', {}, b'{"a": 1}'),
        (b'{"a": 1}', {"a": None}, b"{}"),
        (b'{ "a" : 1 }', {"a": None}, b"{  }"),
        (b'{"a": 1, "b": 2}', {"a": None}, b'{"b": 2}'),
        (b'{"a": 1, "b": 2}', {"b": None}, b'{"a": 1}'),
        (b'{"a": 1, "b": 2,\n "c": 3}', {"b": None}, b'{"a": 1, "c": 3}'),
        (b'{"a": 1, "b": 2, "c": 3}', {"b": None, "c": None}, b'{"a": 1}'),
        (b'{"a": 1, "b": 2, "c": 3}', {"a": None, "c": None}, b'{"b": 2}'),
        (b'{"a": 1, "b": 2}', {"a": None, "b": None}, b"{}"),
        (b'{"a": 1}', {"a": b"false"}, b'{"a": false}'),
        (b'{"a" :\t1 , "b": 1e0}', {"a": b"[2]"}, b'{"a" :\t[2] , "b": 1e0}'),
        (b'{"a": 1}', {"b": b"2"}, b'{"a": 1,"b":2}'),
        (b'{"a": 1}', {"a": None, "b": b"2", "c": b"3"}, b'{"b":2,"c":3}'),
        (b"{}", {"b": b"2"}, b'{"b":2}'),
        (b" { } \n", {"b": b"2", "c": b"3"}, b' { "b":2,"c":3} \n'),
        (b'{"a": "}"}', {"b": b"2"}, b'{"a": "}","b":2}'),
        (b'{"a": 1}', {"b": None}, b'{"a": 1}'),
        (b'{"id\\u005fslot": 1, "b": {"id_slot": 2}}', {"id_slot": None}, b'{"b": {"id_slot": 2}}'),
        ('{"é": "ü", "b": "ö"}'.encode(), {"é": None}, '{"b": "ö"}'.encode()),
    ],
)
def test_only_the_edited_members_change(body, edits, expected):
    assert rewritten(body, **edits) == expected


def test_without_a_change_nothing_is_copied():
    body = b'{"a": 1}'

    assert rewrite(body, outline_of(body), {}) is body
    assert rewrite(body, outline_of(body), {"b": None}) is body


@pytest.mark.parametrize("edits", [{}, {"a": None}, {"b": b"2"}])
def test_a_byte_order_mark_is_taken_away(edits):
    plain = b'{"a": 1, "c": 3}'
    body = BOM + plain
    outline = outline_of(plain)
    moved = {
        name: span._replace(key=span.key + 3, start=span.start + 3, end=span.end + 3)
        for name, span in outline.members.items()
    }

    assert rewrite(body, outline._replace(members=moved), edits) == rewritten(plain, **edits)


_NAMES = st.sampled_from(["model", "id_slot", "n_discard", "ü", 'quo"ted', "", "{,}"])
_PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
_VALUES = _PLAIN | st.lists(_PLAIN | st.lists(_PLAIN, max_size=2), max_size=3)
_OBJECTS = st.dictionaries(_NAMES | st.text(max_size=3), _VALUES, max_size=6)
_EDITS = st.dictionaries(
    _NAMES, st.none() | _VALUES.map(lambda value: json.dumps(value).encode()), max_size=4
)


@given(_OBJECTS, _EDITS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_the_result_parses_to_the_same_object_with_the_edits_applied(
    fields: dict[str, Any], edits: dict[str, bytes | None], indent: Any, ascii_only: bool
):
    body = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    expected = json.loads(body)
    for name, value in edits.items():
        if value is None:
            expected.pop(name, None)
        else:
            expected[name] = json.loads(value)

    assert json.loads(rewrite(body, outline_of(body), edits)) == expected


@given(_OBJECTS, _OBJECTS)
def test_what_is_not_edited_keeps_its_bytes(kept: dict[str, Any], others: dict[str, Any]):
    removed = {name: None for name in others if name not in kept}
    body = json.dumps({**others, **kept}, indent=1).encode()

    left = rewrite(body, outline_of(body), removed)

    for span in outline_of(left).members.values():
        assert left[span.key : span.end] in body


@given(_OBJECTS, _EDITS, st.sampled_from([None, 1]))
def test_a_member_that_stays_is_found_where_it_moved(
    fields: dict[str, Any], edits: dict[str, bytes | None], indent: Any
):
    body = json.dumps(fields, indent=indent).encode()
    outline = outline_of(body)
    after = rewrite(body, outline, edits)

    for name, span in outline.members.items():
        if name not in edits:
            found = moved(body, outline, edits, name)
            assert after[found.start : found.end] == body[span.start : span.end]
            assert after[found.key : found.start] == body[span.key : span.start]
