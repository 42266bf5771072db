"""Large and slow bodies at a gateway process: whose are refused, and how much memory they take."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmstack.settings.limits import most_alone
from tests.integration.gateway.raw import BODY, Raw
from tests.integration.gateway.serving import CHAT, FAST, MODEL
from tests.support.gateway import Gateway
from tests.support.llama.fake import FakeLlama
from tests.support.waiting import until

MIB = 1024 * 1024
KEYS = {"a": "key-of-a", "b": "key-of-b"}
HELD = 24 * MIB
LARGE = b'{"model": "%b", "messages": [{"role": "user", "content": "%b"}], "max_tokens": 2}'


@asynccontextmanager
async def process(folder: Path, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway with keys of two tenants, before one server."""
    keys = folder / "keys"
    digests = {tenant: hashlib.sha256(key.encode()).hexdigest() for tenant, key in KEYS.items()}
    keys.write_text("".join(f"sha256:{digest} {name}\n" for name, digest in digests.items()))
    async with FakeLlama.running(FAST) as llama:
        entry = {"name": MODEL, "backends": [{"url": llama.url}]}
        env = {f"LLMSTACK_{name.upper()}": value for name, value in settings.items()}
        async with Gateway.running(folder, [entry], env=env, keysFile=str(keys)) as gateway:
            await gateway.loaded(MODEL, ready=1)
            yield gateway


async def connected(gateway: Gateway) -> Raw:
    return Raw(*await asyncio.open_connection(*gateway.address))


def head(tenant: str, length: int) -> bytes:
    key = KEYS.get(tenant, "wrong")
    return (
        f"POST {CHAT} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def ask(gateway: Gateway, tenant: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
    client = await connected(gateway)
    await client.send(head(tenant, len(body)) + body)
    answer = await client.answer()
    client.writer.close()
    return answer.status, answer.headers, answer.body


def small() -> bytes:
    return json.dumps({"model": MODEL, "messages": [], "max_tokens": 1}).encode()


def memory(gateway: Gateway, field: str) -> int:
    """Bytes, of a field of /proc/PID/status."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


async def test_a_tenant_that_fills_its_share_is_refused_and_others_are_served(
    tmp_path: Path,
) -> None:
    async with process(tmp_path, held_bytes=str(HELD)) as gateway:
        uploads = []
        part = b'{"x": "' + b"x" * (2 * MIB)
        for _ in range(most_alone(HELD) // len(part)):
            uploads.append(await connected(gateway))
            await uploads[-1].send(head("a", 4 * MIB) + part)
        status, headers, text = await ask(gateway, "a", b'{"x": "' + b"x" * (4 * MIB))
        error = json.loads(text)["error"]
        assert (status, error["code"], error["type"]) == (503, "bodies", "server_error")
        assert int(headers["retry-after"]) >= 1
        assert (await ask(gateway, "b", small()))[0] == 200
        assert (await ask(gateway, "b", LARGE % (MODEL.encode(), b"x" * (MIB - 1000))))[0] == 200
        for upload in uploads:
            upload.writer.close()


async def test_a_body_without_a_key_is_refused_before_it_has_come(tmp_path: Path) -> None:
    async with process(tmp_path) as gateway:
        client = await connected(gateway)
        await client.send(head("nobody", 64 * MIB) + b'{"x": "' + b"x" * 1000)
        assert (await client.answer()).status == 401
        assert await client.closed()


@pytest.mark.parametrize(("size", "count"), [(59 * MIB, 3), (5 * MIB, 30)])
async def test_large_bodies_take_little_more_memory_than_their_size(
    tmp_path: Path, size: int, count: int
) -> None:
    """Held whole at once, with an emoji, looked at, and given back: no replica has this model."""
    text = ("word " * 1000 + "😀").encode()
    body = LARGE % (b"unknown", text * (size // len(text)))
    async with process(tmp_path, held_bytes=str(400 * MIB)) as gateway:
        assert (await ask(gateway, "a", small()))[0] == 200
        before = memory(gateway, "VmRSS")
        clients = [await connected(gateway) for _ in range(count)]
        for client in clients:
            await client.send(head("a", len(body)))
        for start in range(0, len(body) - 10, MIB):
            for client in clients:
                await client.send(body[start : min(start + MIB, len(body) - 10)])
        await until(lambda: memory(gateway, "VmRSS") - before > count * len(body), seconds=60)
        for client in clients:
            await client.send(body[-10:])
        for client in clients:
            assert (await asyncio.wait_for(client.answer(), 60)).status == 404
            client.writer.close()
        print(before, memory(gateway, "VmHWM"), memory(gateway, "VmRSS"), count * len(body))
        assert memory(gateway, "VmHWM") - before < 1.3 * count * len(body)
        await until(lambda: memory(gateway, "VmRSS") - before < 0.5 * len(body), seconds=30)


async def test_a_slow_upload_that_goes_on_is_served(tmp_path: Path) -> None:
    """It takes longer than a body may lag behind."""
    async with process(tmp_path, body_seconds="1", body_rate="10000") as gateway:
        client = await connected(gateway)
        body = LARGE % (MODEL.encode(), b"x" * 40_000)
        await client.send(head("a", len(body)))
        for start in range(0, len(body), 4_000):
            await client.send(body[start : start + 4_000])
            await asyncio.sleep(0.3)
        assert (await client.answer()).status == 200


async def test_one_byte_a_second_is_not(tmp_path: Path) -> None:
    async with process(tmp_path, body_seconds="2", body_rate="10000") as gateway:
        client = await connected(gateway)
        await client.send(head("a", len(BODY)))
        answering = asyncio.create_task(client.answer())
        for byte in BODY:
            if answering.done():
                break
            client.writer.write(bytes([byte]))
            await asyncio.wait([answering], timeout=1)
        answer = await answering
        assert answer.status == 408
        assert json.loads(answer.body)["error"]["code"] == "slow_body"
