"""What is told from parsed values is what the checks tell from the bytes, for every field."""

import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.fields import FIELDS
from llmstack.engines.llamacpp.judgements import Allowed
from llmstack.engines.llamacpp.media import WATCHED
from llmstack.engines.llamacpp.plain import plain
from llmstack.engines.llamacpp.policy import Judged, Policy, judge
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Outline
from llmstack.scan.scanner import Scanner
from llmstack.scan.sight import at_sight

CHAT = "/v1/chat/completions"
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**65)
    | st.sampled_from([-1, 0, 1, 2, 100, 128, 129, 1e-12, 0.01, 3.0, -0.0, 1e300, 2**31])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.integers(0, 1100).map("x".__mul__)
    | st.integers(0, 200).map("\U0001f600".__mul__)
    | st.sampled_from(["auto", "none", "base64", "function"])
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)
) | st.integers(1, 110).map(lambda depth: json.loads("[" * depth + "]" * depth))


def scanned(body: bytes) -> Outline:
    scanner = Scanner(WATCHED)
    scanner.feed(body)
    return scanner.finish()


def told(path: str, body: bytes, outline: Outline) -> Judged | tuple[str, str]:
    try:
        return judge(path, body, outline, Policy())
    except Unfit as unfit:
        return str(unfit), unfit.param


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    path = draw(st.sampled_from(sorted(FIELDS)))
    names = st.sampled_from([*FIELDS[path], "colour"])
    fields = draw(st.dictionaries(names, _VALUES, max_size=8))
    ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, 4]))
    return path, json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode()


@given(requests())
@example((CHAT, b'{"messages": [], "n": 2}'))
@example((CHAT, b'{"messages": [], "n": 1}'))
@example((CHAT, b'{"messages": null}'))
@example((CHAT, b'{"messages": [1], "n": 2, "add_generation_prompt": false}'))
@example(("/completion", b'{"prompt": "", "n_cmpl": 2}'))
@example((CHAT, b'{"ignore_eos": true, "tools": [{}]}'))
@example((CHAT, b'{"logit_bias": {"5": false}, "grammar": "root ::= \\"a\\""}'))
@example((CHAT, b'{"reasoning_effort": "' + b"\\ud83d\\ude00" * 9 + b'"}'))
@example((CHAT, b'{"dry_sequence_breakers": ["a",' + b" " * 30_000 + b'"b"]}'))
@example((CHAT, b'{"tool_choice": ' + b"[" * 11 + b"]" * 11 + b"}"))
def test_a_parsed_body_is_judged_as_a_scanned_one(request_: tuple[str, bytes]) -> None:
    path, body = request_
    seen = at_sight(body, WATCHED)
    if seen is not None:
        assert seen.parsed is not None
        assert told(path, body, seen) == told(path, body, scanned(body))


@pytest.mark.parametrize("path", sorted(FIELDS))
@given(value=_VALUES, ascii_only=st.booleans())
def test_what_is_plain_passes_its_check(path: str, value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    body = b'{"a":%b}' % text
    outline = scanned(body)
    span, parsed = outline.members["a"], orjson.loads(body)["a"]
    brackets = body.count(b"[") + body.count(b"{")
    for judgement in FIELDS[path].values():
        if isinstance(judgement, Allowed) and plain(judgement.check)(parsed, len(body), brackets):
            assert judgement.check(body, span) is None


def test_the_fields_of_a_usual_request_are_plain() -> None:
    fields = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 16,
        "temperature": 0.7,
        "stop": ["#"],
        "user": "u",
    }
    body = json.dumps(fields).encode()
    for name, value in fields.items():
        judgement = FIELDS[CHAT][name]
        assert isinstance(judgement, Allowed)
        assert plain(judgement.check)(value, len(body), 4), name


def test_tools_that_were_let_through_are_known_again_and_others_are_not() -> None:
    def tools(pattern: str) -> bytes:
        schema = {"type": "string", "description": "x" * 600, "pattern": pattern}
        function = {"name": "f", "parameters": {"type": "object", "properties": {"a": schema}}}
        fields = {"tools": [{"type": "function", "function": function}], "messages": []}
        return json.dumps(fields).encode()

    def both(body: bytes) -> list[Judged | tuple[str, str]]:
        seen = at_sight(body, WATCHED)
        assert seen is not None
        return [told(CHAT, body, seen), told(CHAT, body, seen), told(CHAT, body, scanned(body))]

    good, bad = both(tools("^a$")), both(tools("^(" + "a" * 20_000 + ")$"))
    assert good == [Judged({})] * 3
    assert isinstance(bad[0], tuple)
    assert bad[0][1] == "tools"
    assert bad == [bad[0]] * 3
