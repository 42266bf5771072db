"""Does any value of an allowed field make the real server fail, rather than refuse?

Every field of docs/fields.md, on a path that takes it, with values of each kind: those at the ends
of its bounds, which have to be served, and strange ones, which may be refused, but by 400.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from llmstack.engines.llamacpp.checks import ANY, Real, Whole
from llmstack.engines.llamacpp.fields import FIELDS
from llmstack.engines.llamacpp.judgements import Allowed
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

MODEL = "smol"
HI = [{"role": "user", "content": "hi"}]
SMALL: dict[str, dict[str, Any]] = {
    "/completion": {"prompt": "hi", "n_predict": 1},
    "/v1/chat/completions": {"messages": HI, "max_tokens": 1},
    "/v1/completions": {"prompt": "hi", "max_tokens": 1},
    "/v1/responses": {"input": "hi", "max_output_tokens": 1},
    "/v1/messages": {"messages": HI, "max_tokens": 1},
    "/tokenize": {"content": "hi"},
    "/detokenize": {"tokens": [1]},
    "/apply-template": {"messages": HI},
}
"""A small request of each path. /infill: the model of these tests cannot."""
LENGTHS = {"n_predict", "max_tokens", "max_completion_tokens", "max_output_tokens"}
"""The largest of these are minutes of decoding."""
PNG = "data:image/png;base64,iVBORw0KGgo="


def _user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


STRANGE: list[Any] = [
    *(True, 0, -1, 1.5, 2**31, -(2**63), 10**30),
    *("", "x", "\0", "\U0001f600"),
    *([], [[]], [None], [0], ["x"], [{}], {}, {"a": None}, {"type": "x"}),
    *([99_999_999], [2**31], [[99_999_999, 1]], {"99999999": 1}, [[1, 2], "a"], [[1, "a"]]),
    *([{"role": "x"}], [{"role": "user", "content": 1}], [{"role": "tool", "content": "x"}]),
    [{"role": "assistant", "tool_calls": [{}]}],
    _user({"type": "text"}),
    _user({"type": "image_url", "image_url": {"url": PNG}}),
    _user({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    _user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A"}}),
    [{"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": PNG}]}],
    [{"type": "function_call_output", "call_id": "x", "output": 1}],
    {"prompt_string": "x", "multimodal_data": ["AAAA"]},
    {"prompt_string": 1},
]


def _fields() -> Iterator[tuple[str, str, Allowed]]:
    """Each judgement of a field once, with the first path that has it."""
    seen: set[tuple[str, int]] = set()
    for path in SMALL:
        for name, judgement in FIELDS[path].items():
            if isinstance(judgement, Allowed) and (name, id(judgement)) not in seen:
                seen.add((name, id(judgement)))
                # That the server does not read the others is proved from its source.
                if name != "model" and judgement.check is not ANY:
                    yield path, name, judgement


WALK = list(_fields())


def _ends(name: str, check: object) -> list[float]:
    if isinstance(check, Whole | Real):
        return [check.least, *([] if name in LENGTHS else [check.most])]
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    real_generator: RealLlama, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("walk")
    (folder / "key").write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    async with Gateway.running(folder, [{"name": MODEL, "backends": [backend]}]) as it:
        await it.loaded(MODEL, ready=1)
        yield it


@pytest.mark.asyncio(loop_scope="module")
async def test_no_value_of_an_allowed_field_is_a_failure_of_the_server(
    gateway: Gateway, real_generator: RealLlama
) -> None:
    failed = []
    for path, name, _ in WALK:
        for value in STRANGE:
            if name in LENGTHS and isinstance(value, int) and not isinstance(value, bool):
                continue
            status, answer = await ask(gateway, path, {name: value})
            if status not in (200, 400):
                failed.append((status, path, name, value, answer))
            assert real_generator.process.poll() is None, (path, name, value)
    assert failed == []


@pytest.mark.asyncio(loop_scope="module")
async def test_the_ends_of_all_bounds_are_served(gateway: Gateway) -> None:
    refused = []
    for path, name, judgement in WALK:
        for value in _ends(name, judgement.check):
            if path == "/detokenize" or (name in LENGTHS and value < 0):
                continue
            # As many answers as there are slots are a bound of their own.
            if name in ("n", "n_cmpl", "best_of") and value > 1:
                continue
            status, answer = await ask(gateway, path, {name: value})
            if status != 200:
                refused.append((status, path, name, value, answer))
    assert refused == []


async def ask(gateway: Gateway, path: str, fields: dict[str, Any]) -> tuple[int, str]:
    sent = json.dumps({"model": MODEL, **SMALL[path], **fields})
    async with gateway.session.post(gateway.url + path, data=sent) as answer:
        return answer.status, (await answer.text())[:300]
