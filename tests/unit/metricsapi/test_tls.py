"""Do certificates change without a restart? Real TLS over loopback."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from llmstack.metricsapi.certificate import Material
from llmstack.metricsapi.issue import issue
from llmstack.metricsapi.tls import Contexts
from tests.e2e.cluster.pki import Authority, Pair

HOST = "metrics.llm-stack.svc"


class Proxies:
    """An authority of front proxies, and a certificate of it."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory, "front-proxy-ca")
        self.pem = authority.certificate.read_text()
        self.pair = authority.issue("client", "front-proxy-client")


def material() -> Material:
    return issue((HOST,), 3600, time.time(), None)


@asynccontextmanager
async def listening(contexts: Contexts) -> AsyncIterator[int]:
    """Tells each client what is known of its certificate."""

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: dict[str, Any] = writer.get_extra_info("peercert") or {}
        names = [value for part in peer.get("subject", ()) for _, value in part]
        writer.write(",".join(names).encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0, ssl=contexts.outer)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, authorities: str, pair: Pair | None) -> str:
    context = ssl.create_default_context(cadata=authorities)
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=HOST
    )
    try:
        answer = (await reader.readline()).decode()
    finally:
        writer.close()
    if not answer:
        raise ConnectionError("the server said nothing")
    return answer.strip()


async def test_a_peer_proves_itself_or_is_nobody(tmp_path: Path) -> None:
    contexts, ours, proxies = Contexts(), material(), Proxies(tmp_path)
    contexts.renew(ours, proxies.pem)

    async with listening(contexts) as port:
        assert await ask(port, ours.authorities, proxies.pair) == "front-proxy-client"
        assert await ask(port, ours.authorities, None) == ""


async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    contexts, ours = Contexts(), material()
    contexts.renew(ours, Proxies(tmp_path / "true").pem)

    async with listening(contexts) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, ours.authorities, Proxies(tmp_path / "false").pair)


async def test_a_new_certificate_and_a_new_authority_count_at_once(tmp_path: Path) -> None:
    contexts, old, new = Contexts(), material(), material()
    before, after = Proxies(tmp_path / "before"), Proxies(tmp_path / "after")
    contexts.renew(old, before.pem)

    async with listening(contexts) as port:
        assert await ask(port, old.authorities, before.pair) == "front-proxy-client"
        contexts.renew(new, after.pem)

        assert await ask(port, new.authorities, after.pair) == "front-proxy-client"
        with pytest.raises(ssl.SSLError):
            await ask(port, old.authorities, after.pair)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, new.authorities, before.pair)


async def test_before_there_is_a_certificate_nobody_is_served(tmp_path: Path) -> None:
    async with listening(Contexts()) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, material().authorities, None)
