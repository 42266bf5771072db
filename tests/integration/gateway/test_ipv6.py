"""Does everything work over IPv6: clients, the gateway, the admin port, a real llama-server?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.server_arguments import arguments
from llmstack.gateway.admin import Changes, Views, serve
from tests.e2e.images.serving import free_port
from tests.integration.gateway.raw import gateway as raw_gateway
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

BOTH = ("127.0.0.1", "::1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLlama]:
    """Listens as the operator has it listen where pods have IPv6."""
    with_ipv6 = ServerOptions("m.gguf", "m", 1, 512, "key", ipv6=True)
    words = arguments(with_ipv6)
    host = words[words.index("--host") + 1]
    with RealLlama.running(tmp_path_factory.mktemp("ipv6"), extra=("--host", host)) as running:
        yield running


async def test_a_request_goes_by_ipv6_all_the_way(server: RealLlama, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(server.key)
    backend = {"url": f"http://[::1]:{server.port}", "apiKeyFile": str(tmp_path / "key")}
    models = [{"name": "sample", "backends": [backend]}]
    here = {"listen": "[::1]:0", "admin": "[::1]:0"}
    async with Gateway.running(tmp_path, models, **here) as gateway:
        await gateway.loaded("sample", ready=1)
        body = {"model": "sample", "prompt": "Hello", "max_tokens": 2}
        async with gateway.session.post(f"{gateway.url}/v1/completions", json=body) as answer:
            assert answer.status == 200
            assert (await answer.json())["usage"]["completion_tokens"] == 2
        assert "[::1]:" in gateway.url
        assert await gateway.metric("requests_total") >= 1


@pytest.mark.parametrize("host", BOTH)
async def test_the_server_answers_both_families_on_one_port(server: RealLlama, host: str) -> None:
    """The helpers in its pod ask 127.0.0.1."""
    assert await status(host, server.port, "/health") == b"200"


async def test_the_gateway_answers_both_families_on_one_port() -> None:
    async with raw_gateway() as front:
        port = await front.server.listen(None, free_port())
        assert [await status(host, port, "/health") for host in BOTH] == [b"200", b"200"]


async def test_so_does_its_admin_port() -> None:
    views = Views(
        metrics=lambda: b"",
        load=lambda: b"{}",
        ready=lambda: "",
        changes=Changes(),
        load_key=lambda: "",
    )
    port = free_port()
    runner: web.AppRunner = await serve(views, None, port)
    try:
        assert [await status(host, port, "/healthz") for host in BOTH] == [b"200", b"200"]
    finally:
        await runner.cleanup()


async def status(host: str, port: int, path: str) -> bytes:
    """The status of an answer."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return line.split()[1]
