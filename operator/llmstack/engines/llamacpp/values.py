"""Fields whose values have to be read whole: each judge returns what is wrong, or None."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from llmstack.engines.llamacpp.ambiguity import check_grammar
from llmstack.engines.llamacpp.checks import Judged
from llmstack.engines.llamacpp.gbnf import LONGEST as LONGEST_GRAMMAR
from llmstack.engines.llamacpp.gbnf import read
from llmstack.engines.llamacpp.samplers import samplers_of
from llmstack.engines.llamacpp.schema import Budget, check_schema
from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind

MOST_BIASES = 1024
_LONGEST_BIASED = 100
_MOST_BIAS = 10_000
MOST_TOOLS = 512
_LONGEST_NAME = 256
LARGEST_SCHEMAS = 1024 * 1024
_DEEPEST_SCHEMA = 100
MOST_EXTRAS = 1024


def _logit_bias(value: Any) -> str | None:
    pairs = value.items() if isinstance(value, Mapping) else value
    if not isinstance(pairs, Iterable) or len(value) > MOST_BIASES:
        return f"may have at most {MOST_BIASES} entries"
    return None if all(map(_is_bias, pairs)) else f"must be {LOGIT_BIAS.says}"


def _is_bias(pair: Any) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    token, bias = pair
    fits = len(token) <= _LONGEST_BIASED if isinstance(token, str) else type(token) is int
    return fits and (bias is False or _within(bias, _MOST_BIAS))


def _within(value: Any, most: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and -most <= value <= most


def _grammar(value: Any) -> str | None:
    try:
        if value:
            check_grammar(read(value))
    except Unfit as unfit:
        return f"cannot be used: {unfit}"
    return None


def _schema(value: Any) -> str | None:
    try:
        check_schema(value, Budget())
    except Unfit as unfit:
        return f"cannot be used: {unfit}"
    return None


def _response_format(value: Any) -> str | None:
    """Its schema stands in `schema`, or in `json_schema.schema`."""
    wrapped = value.get("json_schema")
    return _schema(value.get("schema")) or (
        _schema(wrapped.get("schema")) if isinstance(wrapped, Mapping) else None
    )


def _text(value: Any) -> str | None:
    wanted = value.get("format")
    return _response_format(wanted) if isinstance(wanted, Mapping) else None


def _tools(value: Any) -> str | None:
    if len(value) > MOST_TOOLS:
        return f"may have at most {MOST_TOOLS} entries"
    budget = Budget()
    for number, tool in enumerate(value):
        try:
            _check_tool(tool, budget)
        except Unfit as unfit:
            return f"cannot be used: tool {number}: {unfit}"
    return None


def _check_tool(tool: Any, budget: Budget) -> None:
    """OpenAI's chat reads `function` in a tool, other paths the tool itself: both are judged."""
    if not isinstance(tool, Mapping):
        raise Unfit("a tool must be an object")
    _check_function(tool, budget)
    if "function" in tool:
        if not isinstance(tool["function"], Mapping):
            raise Unfit("its function must be an object")
        _check_function(tool["function"], budget)


def _check_function(function: Mapping[str, Any], budget: Budget) -> None:
    """Anthropic's schema is `input_schema`."""
    name = function.get("name")
    if isinstance(name, str) and not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        raise Unfit(f"its name must have 1 to {_LONGEST_NAME} printable characters")
    for field in ("parameters", "input_schema"):
        check_schema(function.get(field), budget)


def _samplers(value: Any) -> str | None:
    fits = len(value) <= 32 and all(isinstance(name, str) and len(name) <= 64 for name in value)
    if not fits:
        return f"must be {SAMPLERS.says}"
    named = samplers_of(value)
    return "may name a sampler once only" if len(set(named)) < len(named) else None


def _input_extra(value: Any) -> str | None:
    if len(value) > MOST_EXTRAS:
        return f"may have at most {MOST_EXTRAS} entries"
    return None if all(map(_is_extra, value)) else f"must be {INPUT_EXTRA.says}"


def _is_extra(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("text"), str)
        and isinstance(entry.get("filename", ""), str)
    )


def _tokens(value: Any) -> str | None:
    fits = all(type(token) is int and 0 <= token < 2**31 for token in value)
    return None if fits else f"must be {TOKENS.says}"


LOGIT_BIAS = Judged(
    f"an object or an array of pairs: at most {MOST_BIASES} tokens, each with a number from "
    f"-{_MOST_BIAS} to {_MOST_BIAS} or false",
    (Kind.OBJECT, Kind.ARRAY),
    256 * 1024,
    _logit_bias,
    depth=2,
)
GRAMMAR = Judged(
    f"a grammar (GBNF) of at most {LONGEST_GRAMMAR} characters",
    (Kind.STRING,),
    6 * LONGEST_GRAMMAR,
    _grammar,
)
SCHEMA = Judged("a JSON schema", (Kind.OBJECT,), LARGEST_SCHEMAS, _schema, depth=_DEEPEST_SCHEMA)
RESPONSE_FORMAT = Judged(
    "an object with a JSON schema",
    (Kind.OBJECT,),
    LARGEST_SCHEMAS,
    _response_format,
    depth=_DEEPEST_SCHEMA,
)
TEXT_FORMAT = Judged(
    "an object with a format", (Kind.OBJECT,), LARGEST_SCHEMAS, _text, depth=_DEEPEST_SCHEMA
)
TOOLS = Judged(
    f"an array of at most {MOST_TOOLS} tools",
    (Kind.ARRAY,),
    LARGEST_SCHEMAS,
    _tools,
    depth=_DEEPEST_SCHEMA,
)
SAMPLERS = Judged(
    "at most 32 names of samplers, or a string of at most 32 letters, none twice",
    (Kind.ARRAY, Kind.STRING),
    4096,
    _samplers,
    depth=1,
)
INPUT_EXTRA = Judged(
    f'an array of at most {MOST_EXTRAS} objects {{"filename": string, "text": string}}',
    (Kind.ARRAY,),
    8 * LARGEST_SCHEMAS,
    _input_extra,
    depth=3,
)
TOKENS = Judged("an array of token numbers", (Kind.ARRAY,), 8 * LARGEST_SCHEMAS, _tokens, depth=1)
