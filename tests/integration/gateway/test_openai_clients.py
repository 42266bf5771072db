"""Do the official clients get through the gateway what they get from llama-server itself?"""

from __future__ import annotations

import pytest

from tests.integration.gateway.conversations import (
    GENERATING,
    Conversation,
    Endpoint,
    embeddings,
    reranking,
)
from tests.support.llama.real import RealLlama


def direct(server: RealLlama) -> Endpoint:
    return Endpoint(server.url, server.key)


@pytest.mark.parametrize("talk", GENERATING, ids=lambda talk: talk.__name__)
async def test_a_generating_model(real_generator: RealLlama, talk: Conversation) -> None:
    assert await talk(direct(real_generator))


async def test_an_embedding_model(real_embedder: RealLlama) -> None:
    assert await embeddings(direct(real_embedder))


async def test_a_reranking_model(real_reranker: RealLlama) -> None:
    assert await reranking(direct(real_reranker))
