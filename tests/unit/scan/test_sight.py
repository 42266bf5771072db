"""Small bodies are read at once, with the scanner's result."""

import json

import orjson
import pytest
from hypothesis import example, given

from llmstack.scan.faults import NotJSON
from llmstack.scan.limits import LIMITS
from llmstack.scan.outline import Outline
from llmstack.scan.scanner import BOM, Scanner
from llmstack.scan.sight import SMALL, ParsedMembers, outline_of
from tests.unit.scan.documents import WATCHED, documents, mutated


def scanned(body: bytes) -> Outline:
    scanner = Scanner(WATCHED)
    scanner.feed(body)
    return scanner.finish()


@given(documents() | mutated())
@example(b'{"a":1,"a":1}')
@example(b'{"a":"\\u0022","b":{"c":1,"c":1}}')
@example(b'{"a":"\\\\","a":"\\""}')
@example(b'{"a": "\\\\\\"", "b": {"n": 1}}')
@example(b'{"a":[[[[[[[[[[[[1]]]]]]]]]]]],"b":"]"}')
@example(b'{"a":{"p\\u0061ttern":1}}')
@example(b'{"a":1e400}')
@example(b'{"a":' + b"[" * LIMITS.depth + b"]" * LIMITS.depth + b"}")
@example(b'{"a":' + b"[" * (LIMITS.depth - 1) + b"]" * (LIMITS.depth - 1) + b"}")
@example(b"{" + b",".join(b'"%d":1' % n for n in range(LIMITS.members + 1)) + b"}")
@example(b"{" + b",".join(b'"%d":1' % n for n in range(LIMITS.members)) + b"}")
def test_gives_and_raises_what_the_scanner_does(body: bytes) -> None:
    try:
        expected = scanned(body)
    except NotJSON as fault:
        with pytest.raises(NotJSON) as refused:
            outline_of(body, WATCHED)
        assert (refused.value.message, refused.value.offset) == (fault.message, fault.offset)
        return
    found = outline_of(body, WATCHED)
    assert list(found.members) == list(expected.members)
    assert dict(found.members) == dict(expected.members)
    assert found.nested == expected.nested
    parsed = orjson.loads(body.removeprefix(BOM))
    for name, value in parsed.items():
        span = expected.members[name]
        assert found.read(body, name) in (value, span)
        assert expected.read(body, name) == (span if span.depth else value)


def test_what_needs_no_second_look_is_not_scanned() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": 'say "hi"\n'}]})
    assert isinstance(outline_of(body.encode(), WATCHED).members, ParsedMembers)


def test_a_body_that_is_not_small_is_scanned() -> None:
    body = b'{"a":"%b"}' % (b"x" * SMALL)
    found = outline_of(body)
    assert not isinstance(found.members, ParsedMembers)
    assert found.members["a"].end == len(body) - 1


def test_what_is_absent_has_no_span() -> None:
    members = outline_of(b'{"a":1}').members
    assert "b" not in members
    with pytest.raises(KeyError):
        members["b"]


@given(documents() | mutated())
@example(b'{"a":{"b":1},"b":[2 , 3 ] , "c":"\\"b"}')
@example(b'{"\\u0061":1,"x":{"a":2}}')
@example(b'{"a":"\\\\\\"b","b": 1 }')
@example(b'{"a":"\\"a","b":",\\"b\\":"}')
def test_the_place_of_a_value_is_that_of_its_span(body: bytes) -> None:
    try:
        expected = scanned(body)
    except NotJSON:
        return
    for name, span in expected.members.items():
        assert outline_of(body, WATCHED).place(name) == (span.start, span.end)
    assert outline_of(body, WATCHED).place("not there") is None
