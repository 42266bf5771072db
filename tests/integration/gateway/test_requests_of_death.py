"""Does a body that kills, stops or fills a llama-server reach one?

Each is sent through the gateway to the real server. `KILLS` are those that did one of these when
they were sent to it directly; the others are their kin.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from llmstack.gateway.http.shapes import ANTHROPIC
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

MODEL = "smol"
COMPLETION, CHAT = "/completion", "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
TWICE = "\n".join(f'r{n} ::= "x" r{n + 1} "a" | "x" r{n + 1} "b"' for n in range(30))
LEFT = "\n".join(f'r{n} ::= r{n + 1} "a" | r{n + 1} "b"' for n in range(30))
CHAIN = "\n".join(f"r{n} ::= r{n + 1}" for n in range(100_000))
AB = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
LOOP = {"allOf": [{"$ref": "#/$defs/a"}], "$defs": AB}
DEEP = "[" * 200_000 + "]" * 200_000
BREAKERS = [chr(97 + n % 26) * 100 for n in range(32)]
HIDDEN = {"type": "function", "name": "a", "function": {}, "parameters": LOOP, "input_schema": LOOP}


def grammar(text: str, **more: Any) -> dict[str, Any]:
    return {"prompt": "hi", "n_predict": 2, "grammar": text, **more}


def schema(value: Any) -> dict[str, Any]:
    return {"prompt": "hi", "n_predict": 2, "json_schema": value}


def dry(**more: Any) -> dict[str, Any]:
    return {"prompt": "hi", "n_predict": 2, "dry_multiplier": 1, **more}


def called(arguments: str) -> list[dict[str, Any]]:
    call = {"id": "call", "type": "function", "function": {"name": "a", "arguments": arguments}}
    return [*HI, {"role": "assistant", "content": "", "tool_calls": [call]}, *HI]


def tools(value: Any) -> dict[str, Any]:
    function = {"name": "a", "parameters": value}
    return {"messages": HI, "tools": [{"type": "function", "function": function}]}


KILLS: list[tuple[str, str, dict[str, Any]]] = [
    # Crashes.
    ("grammar", COMPLETION, grammar("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000)),
    ("grammar", COMPLETION, grammar(f'root ::= r0\n{CHAIN}\nr100000 ::= "a"')),
    ("json_schema", COMPLETION, schema({"allOf": [{"$ref": "#/$defs/a"}], "$defs": AB})),
    (
        "grammar_lazy",
        COMPLETION,
        grammar('root ::= "a"', grammar_lazy=True, grammar_triggers=[{"type": 9, "value": "x"}]),
    ),
    ("arguments", CHAT, {"messages": called("[" * 200_000 + "]" * 200_000)}),
    (
        "arguments",
        "/apply-template",
        {"messages": called("\ufeff" + "[" * 200_000 + "]" * 200_000)},
    ),
    # Never comes back, and fills the memory.
    ("grammar", COMPLETION, grammar('root ::= "a"{2,1}')),
    ("json_schema", COMPLETION, schema({"type": "string", "minLength": 5, "maxLength": 2})),
    ("grammar", COMPLETION, grammar('root ::= b root "z" | "x"\nb ::= c\nc ::= ""')),
    ("grammar", COMPLETION, grammar(f'root ::= r0\n{LEFT}\nr30 ::= "a"')),
    ("grammar", COMPLETION, grammar(f'root ::= r0\n{TWICE}\nr30 ::= "a"', n_predict=60)),
    ("grammar", COMPLETION, grammar('root ::= "x" root "y" | "x" root "z"', n_predict=60)),
    ("dry_penalty_last_n", COMPLETION, {"prompt": "hi", "dry_penalty_last_n": 2**31 - 1}),
    ("repeat_last_n", COMPLETION, {"prompt": "hi", "repeat_last_n": 2**31 - 1}),
    ("n_probs", COMPLETION, {"prompt": "hi", "n_predict": 100, "n_probs": 1_000_000}),
    ("prompt", COMPLETION, {"prompt": "", "n_cmpl": 2}),
    # Stop the loop that serves all slots for a minute or more.
    ("samplers", COMPLETION, {"prompt": "hello there", "samplers": ["infill"]}),
    ("samplers", COMPLETION, dry(samplers=["dry"] * 32)),
    ("dry_sequence_breakers", COMPLETION, dry(dry_sequence_breakers=BREAKERS)),
    # Leave no token: the server ends the request with an error of its own.
    ("ignore_eos", COMPLETION, grammar('root ::= "a"', ignore_eos=True)),
    ("logit_bias", COMPLETION, grammar('root ::= "7"', logit_bias=[["7", False]])),
    ("grammar", COMPLETION, grammar("root ::= [z-a]")),
    ("grammar", COMPLETION, grammar("root ::= <[999999]>")),
    ("grammar", COMPLETION, grammar('root ::= "\\UFFFFFFFF"')),
]
KIN: list[tuple[str, str, dict[str, Any]]] = [
    ("chat_parser", CHAT, {"messages": HI, "chat_parser": "{}"}),
    ("n_cache_reuse", COMPLETION, {"prompt": "hi", "n_cache_reuse": 256}),
    ("tools", CHAT, tools({"type": "string", "minLength": 5, "maxLength": 2})),
    ("tools", CHAT, tools({"allOf": [{"$ref": "#/$defs/a"}], "$defs": AB})),
    # These paths read a tool itself, and not the `function` in it.
    ("tools", "/v1/responses", {"input": "hi", "tools": [HIDDEN], "tool_choice": "required"}),
    ("tools", "/v1/messages", {"messages": HI, "tools": [HIDDEN], "max_tokens": 2}),
    ("json_schema", COMPLETION, schema({"type": "array", "minItems": 3, "maxItems": 2})),
    ("json_schema", COMPLETION, schema({"type": "string", "pattern": "^a{5,2}$"})),
    ("json_schema", COMPLETION, schema({"type": "string", "pattern": "^[z-a]$"})),
    ("json_schema", COMPLETION, schema({"type": "string", "maxLength": 10**9})),
    (
        "response_format",
        CHAT,
        {
            "messages": HI,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"schema": {"minLength": 5, "maxLength": 2}},
            },
        },
    ),
    ("logit_bias", COMPLETION, {"prompt": "a", "logit_bias": [[n, 1] for n in range(50_000)]}),
    ("stop", COMPLETION, {"prompt": "a", "stop": ["x"] * 100_000}),
    ("stop", COMPLETION, {"prompt": "a", "stop": ""}),
    ("samplers", COMPLETION, {"prompt": "a", "samplers": ["penalties"] * 1000}),
    ("prompt", COMPLETION, {"prompt": None}),
    ("tokens", "/detokenize", {"tokens": [-5]}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    real_generator: RealLlama, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("death")
    (folder / "key").write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    async with Gateway.running(folder, [{"name": MODEL, "backends": [backend]}]) as it:
        await it.loaded(MODEL, ready=1)
        yield it


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("param", "path", "fields"), [*KILLS, *KIN])
async def test_it_is_refused_by_name_and_the_server_still_answers(
    gateway: Gateway, real_generator: RealLlama, param: str, path: str, fields: dict[str, Any]
) -> None:
    status, answer = await ask(gateway, path, fields)

    assert status == 400
    assert named(path, answer) == param
    status, answer = await ask(gateway, COMPLETION, {"prompt": "hi", "n_predict": 1})
    assert (status, answer["tokens_predicted"]) == (200, 1)
    assert real_generator.process.poll() is None


def named(path: str, answer: dict[str, Any]) -> str:
    """The field that a refusal names; Anthropic's shape has no place for it but the words."""
    error = answer["error"]
    if path not in ANTHROPIC:
        return str(error["param"])
    assert answer["type"] == "error"
    assert error["type"] == "invalid_request_error"
    return str(error["message"]).partition(" ")[0].partition("[")[0].strip("`'\"")


async def ask(gateway: Gateway, path: str, fields: dict[str, Any]) -> tuple[int, Any]:
    """Through the gateway; a body that is let through by mistake is not waited for."""
    async with asyncio.timeout(60):
        sent = json.dumps({"model": MODEL, **fields})
        async with gateway.session.post(gateway.url + path, data=sent) as answer:
            return answer.status, await answer.json()
