"""A gateway in front of real llama-servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama


@asynccontextmanager
async def in_front_of(
    servers: Mapping[str, RealLlama], directory: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Gateway]:
    """One model for each server; its mode, under which it is given here, is its name."""
    key = directory / "key"
    key.write_text(next(iter(servers.values())).key)
    models = [
        {"name": mode, "mode": mode, "backends": [{"url": server.url, "apiKeyFile": str(key)}]}
        for mode, server in servers.items()
    ]
    async with Gateway.running(directory, models, env) as running:
        for mode in servers:
            await running.loaded(mode, ready=1)
        yield running
