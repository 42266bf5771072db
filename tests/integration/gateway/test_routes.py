"""Does each of llama-server's paths answer through the gateway as it does without it?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.gateway.real import in_front_of
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = [{"role": "user", "content": "Hello"}]
CHAT = {"messages": HELLO, "max_tokens": 3, "temperature": 0}
TEXT = {"prompt": "Once", "max_tokens": 3, "temperature": 0}
PASSAGES = {"query": "cats", "documents": ["a cat", "a dog", "a tree"]}
SYSTEM = {"system": "Be brief.", "messages": HELLO, "max_tokens": 3}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("generate", "/v1/chat/completions", CHAT),
    ("generate", "/chat/completions", CHAT),
    ("generate", "/v1/completions", TEXT),
    ("generate", "/completions", TEXT),
    ("generate", "/completion", TEXT),
    ("generate", "/responses", {"input": "Hello", "max_output_tokens": 3, "temperature": 0}),
    ("generate", "/tokenize", {"content": "Hello"}),
    ("generate", "/v1/chat/completions/input_tokens", CHAT),
    ("generate", "/chat/completions/input_tokens", CHAT),
    ("generate", "/v1/responses/input_tokens", {"input": "Hello", "instructions": "Be brief."}),
    ("generate", "/responses/input_tokens", {"input": "Hello"}),
    ("generate", "/v1/messages/count_tokens", SYSTEM),
    ("embed", "/v1/embeddings", {"input": "a cat"}),
    ("embed", "/embeddings", {"input": "a cat"}),
    ("embed", "/embedding", {"content": "a cat"}),
    ("embed", "/embeddings", {"input": ["a cat", "a dog", "a tree", "a house", "a boat"]}),
    ("embed", "/embedding", {"content": ["a cat", "a dog", "a tree", "a house", "a boat"]}),
    *(
        ("rerank", path, PASSAGES)
        for path in ("/v1/rerank", "/rerank", "/reranking", "/v1/reranking")
    ),
    ("rerank", "/rerank", {"query": "cats", "texts": ["a cat", "a dog", "a tree"]}),
]
CHANGING = frozenset({"id", "created", "created_at", "completed_at", "timings", "slot", "id_slot"})
"""What differs from one answer of the same server to the next."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(
    real_generator: RealLlama, real_embedder: RealLlama, real_reranker: RealLlama
) -> dict[str, RealLlama]:
    return {"generate": real_generator, "embed": real_embedder, "rerank": real_reranker}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    servers: dict[str, RealLlama], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    async with in_front_of(servers, tmp_path_factory.mktemp("gateway")) as running:
        yield running


async def told(url: str, key: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """The status and what the answer says, without what changes from one to the next."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url + path, json=body) as answer,
    ):
        return answer.status, steady(await answer.json())


def steady(value: Any) -> Any:
    """The value without what changes, numbers as far as batches of another size leave them."""
    if isinstance(value, dict):
        return {
            name: steady(each)
            for name, each in value.items()
            if name not in CHANGING and not name.startswith("n_") and "cache" not in name
        }
    if isinstance(value, list):
        return [steady(each) for each in value]
    return round(value, 2) if isinstance(value, float) else value


@pytest.mark.parametrize(("mode", "path", "body"), CASES, ids=lambda case: str(case)[:40])
async def test_a_path_says_what_llama_server_says(
    gateway: Gateway, servers: dict[str, RealLlama], mode: str, path: str, body: dict[str, Any]
) -> None:
    server, asked = servers[mode], {**body, "model": mode}
    direct = await told(server.url, server.key, path, asked)
    assert direct[0] == 200
    assert await told(gateway.url, "none", path, asked) == direct
    assert await told(gateway.url, "none", f"/{path}/", asked) == direct


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
async def test_the_health_is_told_as_by_llama_server(
    gateway: Gateway, servers: dict[str, RealLlama], path: str
) -> None:
    server = servers["generate"]
    async with aiohttp.ClientSession() as session:
        for method in ("GET", "HEAD"):
            async with session.request(method, server.url + path) as direct:
                said = direct.status, await direct.text()
            async with session.request(method, gateway.url + path) as answer:
                assert (answer.status, await answer.text()) == said
                assert answer.status == 200
