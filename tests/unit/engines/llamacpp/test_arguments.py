"""Is what a tool was called with too deep for llama-server?"""

import json

import pytest

from llmstack.engines.llamacpp.arguments import ARGUMENTS, check_arguments
from llmstack.engines.llamacpp.unfit import Unfit
from tests.support.outlines import outline_of


def check(body: bytes) -> None:
    check_arguments(body, outline_of(body, frozenset({ARGUMENTS})))


def said(arguments: str) -> bytes:
    return json.dumps({"messages": [{"tool_calls": [{"arguments": arguments}]}]}).encode()


@pytest.mark.parametrize(
    "arguments",
    [
        "[" * 5000 + "]" * 5000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "\ufeff" + "[" * 5000 + "]" * 5000,
        "[1," * 5000 + "1" + "]" * 5000,
        json.dumps(["[" * (1024 * 1024)]),
    ],
)
def test_deep_ones_are_refused(arguments: str) -> None:
    with pytest.raises(Unfit, match="nest") as caught:
        check(said(arguments))

    assert caught.value.param == ARGUMENTS


@pytest.mark.parametrize("bracket", [rb"\u005b", rb"\u005B"])
def test_escapes_hide_nothing(bracket: bytes) -> None:
    with pytest.raises(Unfit):
        check(b'{"input": [{"arguments": "%b"}]}' % (bracket * 5000 + b"]" * 5000))


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{}",
        "no JSON {",
        json.dumps({"path": "a.c", "content": "if (a) { b[0] = {}; }\n" * 1000}),
        json.dumps({"text": "\u00e4\u00f6" * 1000}),
        "[" * 100 + "]" * 100,
        json.dumps([[]] * 1000),
    ],
)
def test_what_agents_send_is_let_through(arguments: str) -> None:
    check(said(arguments))


def test_an_object_is_bounded_by_the_body() -> None:
    check(b'{"messages": [{"arguments": {"a": {}}}]}')
