"""Fixtures of the gateway's tests: llama-servers, fake and real."""

from __future__ import annotations

from tests.integration.gateway.llamas import (
    embedder,
    llama,
    real_embedder,
    real_generator,
    real_reranker,
    reranker,
)

__all__ = [
    "embedder",
    "llama",
    "real_embedder",
    "real_generator",
    "real_reranker",
    "reranker",
]
