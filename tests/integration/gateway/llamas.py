"""Fixtures: a fake or the real llama-server, whichever the parameter names, behind one face.

The real ones run once for the whole run; a fake one is new for each test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import llama as support
from tests.support.llama.client import Client
from tests.support.llama.fake import FakeLlama
from tests.support.llama.real import KEY, RealLlama
from tests.support.llama.rerank_model import rerank_model
from tests.support.llama.shape import Shape

BOTH = ("fake", "real")
TEMPLATE = str(Path(support.__file__).with_name("tools.jinja"))
SLOW = Shape(slots=2, context=1024, prefill=200, decode=30, key=KEY, loading=0.2)
"""About as fast as the real one on one thread."""


@dataclass
class Llama:
    """A server under test; `loading` is what /health said at first, each with its status."""

    server: FakeLlama | RealLlama
    client: Client
    loading: list[tuple[int, bytes]]

    async def deferrals(self) -> int:
        """How many tasks found no slot so far?"""
        if isinstance(self.server, RealLlama):
            return await asyncio.to_thread(self.server.deferrals)
        return self.server.deferrals


@pytest.fixture(scope="session")
def real_generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    """With a chat template that has tools, which its model's own has not."""
    directory, template = tmp_path_factory.mktemp("generate"), ("--chat-template-file", TEMPLATE)
    with RealLlama.running(directory, extra=template) as server:
        yield server


@pytest.fixture(scope="session")
def real_embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    """A model that was made to generate tells no way to pool, so it is told here."""
    directory, pooling = tmp_path_factory.mktemp("embed"), ("--pooling", "mean")
    with RealLlama.running(directory, extra=pooling, mode="embed") as server:
        yield server


@pytest.fixture(scope="session")
def real_reranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    directory = tmp_path_factory.mktemp("rerank")
    model = rerank_model(directory / "reranker.gguf")
    with RealLlama.running(directory, model, mode="rerank", context_length=128) as server:
        yield server


@pytest.fixture(params=BOTH)
async def llama(request: pytest.FixtureRequest) -> AsyncIterator[Llama]:
    async with _chosen(request, "real_generator", SLOW) as chosen:
        yield chosen


@pytest.fixture(params=BOTH)
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Llama]:
    shape = Shape(prefill=200, key=KEY, mode="embed")
    async with _chosen(request, "real_embedder", shape) as chosen:
        yield chosen


@pytest.fixture(params=BOTH)
async def reranker(request: pytest.FixtureRequest) -> AsyncIterator[Llama]:
    shape = Shape(prefill=200, key=KEY, mode="rerank")
    async with _chosen(request, "real_reranker", shape) as chosen:
        yield chosen


@asynccontextmanager
async def _chosen(request: pytest.FixtureRequest, real: str, shape: Shape) -> AsyncIterator[Llama]:
    if request.param == "real":
        server: RealLlama = request.getfixturevalue(real)
        yield Llama(server, Client(server.port, KEY), server.loading)
        return
    async with FakeLlama.running(shape) as fake:
        client, loading = Client(fake.port, KEY), []
        while (reply := await client.get("/health")).status != 200:
            loading.append((reply.status, reply.body))
        yield Llama(fake, client, loading)
