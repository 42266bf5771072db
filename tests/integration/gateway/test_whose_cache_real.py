"""Does our build keep tenants' caches apart behind the gateway, on each path that generates?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.serving import MODEL
from tests.support.gateway import Gateway
from tests.support.llama.real import FILLS_IN, KEY, RealLlama

ALICE, BOB = "sk-alice-0123456789abcdef", "sk-bob-0123456789abcdef"


def secret(path: str) -> str:
    """What both tenants send, another text for each path."""
    return f"{path}: the door's code is 48213. " * 8


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": user(secret("chat")), "max_tokens": 1},
    "/v1/completions": {"prompt": secret("text"), "max_tokens": 1},
    "/completion": {"prompt": secret("native"), "n_predict": 1},
    "/v1/messages": {"messages": user(secret("messages")), "max_tokens": 1},
    "/v1/responses": {"input": secret("responses"), "max_output_tokens": 1},
    "/infill": {"input_prefix": secret("infill"), "input_suffix": "end", "n_predict": 1},
}
_COUNTS = {"cache_n", "cached_tokens", "cache_read_input_tokens"}


def counted(value: Any) -> list[int]:
    """What an answer says of the cache, wherever it does."""
    if isinstance(value, list):
        return [count for entry in value for count in counted(entry)]
    if not isinstance(value, dict):
        return []
    here = [count for name, count in value.items() if name in _COUNTS]
    return here + [count for inner in value.values() for count in counted(inner)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    """With two slots, a cache in host memory, and tokens by which it can fill in."""
    directory = tmp_path_factory.mktemp("server")
    with RealLlama.running(directory, extra=FILLS_IN, prompt_cache_mib=64) as server:
        yield server


@pytest.fixture
async def gateway(server: RealLlama, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Before that server, with two tenants."""
    (tmp_path / "server-key").write_text(KEY)
    (tmp_path / "keys").write_text(f"{line_for(ALICE, 'alice')}\n{line_for(BOB, 'bob')}\n")
    backend = {"url": server.url, "apiKeyFile": "server-key"}
    models = [{"name": MODEL, "backends": [backend]}]
    async with Gateway.running(tmp_path, models, keysFile="keys") as gateway:
        await gateway.loaded(MODEL, ready=1)
        yield gateway


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
async def test_only_its_own_prompt_is_found(gateway: Gateway, path: str, stream: bool) -> None:
    body = {"model": MODEL, "stream": stream, **BODIES[path]}
    if stream:
        text = json.dumps(body).replace("code is", f"{stream} code is")
        body = json.loads(text) | {"stream": True}
    assert max(await told(gateway, path, body, ALICE)) < 40
    assert max(await told(gateway, path, body, ALICE)) > 60
    assert max(await told(gateway, path, body, BOB)) < 40
    assert max(await told(gateway, path, body, ALICE)) > 60


async def told(gateway: Gateway, path: str, body: dict[str, Any], key: str) -> list[int]:
    """What one answer tells this tenant of the cache."""
    headers = {"Authorization": f"Bearer {key}", "X-Llmstack-Salt": "forged"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + path, json=body, headers=headers) as answer,
    ):
        text = await answer.text()
        assert answer.status == 200, text
    if not body["stream"]:
        return counted(json.loads(text))
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return counted([json.loads(line) for line in lines if line != "[DONE]"])
