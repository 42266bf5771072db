"""Do the official clients get through the gateway what they get from llama-server itself?"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway.conversations import (
    GENERATING,
    Conversation,
    Endpoint,
    embeddings,
    reranking,
)
from tests.integration.gateway.real import in_front_of
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    real_generator: RealLlama,
    real_embedder: RealLlama,
    real_reranker: RealLlama,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Gateway]:
    """One gateway in front of a generating, an embedding and a reranking model."""
    servers = {"generate": real_generator, "embed": real_embedder, "rerank": real_reranker}
    async with in_front_of(servers, tmp_path_factory.mktemp("gateway")) as running:
        yield running


async def compare(talk: Conversation, gateway: Gateway, model: str, server: RealLlama) -> None:
    direct = await talk(Endpoint(server.url, server.key, model))
    assert await talk(Endpoint(gateway.url, "none", model)) == direct


@pytest.mark.parametrize("talk", GENERATING, ids=lambda talk: talk.__name__)
async def test_a_generating_model(
    gateway: Gateway, real_generator: RealLlama, talk: Conversation
) -> None:
    await compare(talk, gateway, "generate", real_generator)


async def test_an_embedding_model(gateway: Gateway, real_embedder: RealLlama) -> None:
    await compare(embeddings, gateway, "embed", real_embedder)


async def test_a_reranking_model(gateway: Gateway, real_reranker: RealLlama) -> None:
    await compare(reranking, gateway, "rerank", real_reranker)
