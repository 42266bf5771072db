"""Does the work of judging a value grow with its size, and not with its square?

Counted in calls of functions, which are the same each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from llmstack.engines.llamacpp.ambiguity import check_grammar
from llmstack.engines.llamacpp.gbnf import read
from llmstack.engines.llamacpp.schema import Budget, check_schema
from llmstack.engines.llamacpp.unfit import Unfit


def calls(work: Callable[[], object]) -> int:
    """The number of functions that are called, those of C included."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    except Unfit:
        pass
    finally:
        sys.setprofile(before)
    return count


def node(options: list[Any]) -> dict[str, Any]:
    return {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": options}}}


def option(name: str) -> dict[str, Any]:
    properties = {"kind": {"const": name}, "more": {"$ref": "#/$defs/n"}}
    return {"type": "object", "properties": properties, "required": ["kind"]}


def alternatives(size: int) -> Any:
    """Many alternatives that lead back."""
    return node([option(str(number)) for number in range(size)])


def loops(size: int) -> Any:
    """Many properties with alternatives of which one leads back."""
    either = [{"anyOf": [{"type": "null"}, option(str(number))]} for number in range(size)]
    properties = {f"p{number}": each for number, each in enumerate(either)}
    return node([{"type": "object", "properties": properties}])


def apart(size: int) -> Any:
    """Many alternatives none of which leads back, beside one reference."""
    either = {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}}]}
    properties = {f"p{number}": either for number in range(size)}
    return node([{"type": "object", "properties": properties | {"n": {"$ref": "#/$defs/n"}}}])


@pytest.mark.parametrize("schema", [alternatives, loops, apart])
def test_of_a_schema(schema: Callable[[int], Any]) -> None:
    few, many = (
        calls(lambda size=size: check_schema(schema(size), Budget())) for size in (30, 240)
    )
    assert many < 10 * few


def empty_rules(size: int) -> str:
    """Each rule is empty because the next one is."""
    rules = [f"r{number} ::= r{number + 1}" for number in range(size)]
    return "\n".join(["root ::= r0", *rules, f'r{size} ::= ""'])


def chain(size: int) -> str:
    rules = [f'r{number} ::= "x" r{number + 1}' for number in range(size)]
    return "\n".join(["root ::= r0", *rules, f'r{size} ::= "y"'])


@pytest.mark.parametrize("grammar", [empty_rules, chain])
def test_of_a_grammar(grammar: Callable[[int], str]) -> None:
    few, many = (
        calls(lambda size=size: check_grammar(read(grammar(size)))) for size in (180, 1440)
    )
    assert many < 10 * few
