"""Does a control reach the replica that runs the stream, and no stream of another tenant?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp

from llmstack.gateway.keys import line_for
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama
from tests.support.said import SAID

CONTROL = "/v1/chat/completions/control"
ASKED = {
    "model": "smol",
    "messages": [{"role": "user", "content": "Count."}],
    "stream": True,
    "max_tokens": 300,
    "ignore_eos": True,
}
UNKNOWN = {"success": False, "message": "no active completion for this id"}


class Streaming:
    """One stream of a client, of which the first event has come."""

    def __init__(self, url: str, key: str) -> None:
        SAID.give(key)
        self.url = url
        self.session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})
        self.id = ""

    async def __aenter__(self) -> Streaming:
        answer = await self.session.post(f"{self.url}/v1/chat/completions", json=ASKED)
        async for line in answer.content:
            if line.startswith(b"data: "):
                self.id = json.loads(line.removeprefix(b"data: "))["id"]
                return self
        raise AssertionError("it ended")

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def control(self, id: str, action: str = "reasoning_end") -> Any:
        """What this client is told of such a control."""
        body = {"model": "smol", "id": id, "action": action}
        async with self.session.post(self.url + CONTROL, json=body) as answer:
            return answer.status, await answer.json()


async def test_a_tenant_controls_its_own_streams_and_no_other(
    real_generator: RealLlama, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(real_generator.key)
    (tmp_path / "keys").write_text("\n".join(line_for(f"sk-{n}", f"team-{n}") for n in "ab"))
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    async with Gateway.running(
        tmp_path,
        [{"name": "smol", "cacheSharing": "Deployment", "backends": [backend]}],
        keysFile="keys",
    ) as gateway:
        await gateway.loaded("smol", ready=1)
        async with Streaming(real_generator.url, real_generator.key) as direct:
            expected = await direct.control(direct.id)
            assert expected[0] == 200
            assert expected[1] != UNKNOWN
            assert await direct.control("chatcmpl-none") == (200, UNKNOWN)
        async with Streaming(gateway.url, "sk-a") as own, Streaming(gateway.url, "sk-b") as other:
            assert await own.control(own.id) == expected
            assert await other.control(other.id) == expected
            assert await other.control(own.id) == (200, UNKNOWN)
            assert await own.control("chatcmpl-none") == (200, UNKNOWN)
            assert (await own.control(own.id, "explode"))[0] == 400
