"""What does the real llama-server say to a browser's headers, and what do clients hear of it?"""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

MODEL = "smol"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WORDY = {**CHAT, "messages": [{"role": "user", "content": "word " * 20_000}]}


async def test_what_it_refuses_in_a_browsers_headers_does_not_reach_it(
    tmp_path: Path, real_generator: RealLlama
) -> None:
    (tmp_path / "key").write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    cookie = {"Cookie": "a=" + "b" * 9000}
    ours = {"Authorization": f"Bearer {real_generator.key}"}
    async with (
        Gateway.running(tmp_path, [{"name": MODEL, "backends": [backend]}]) as gateway,
        aiohttp.ClientSession() as session,
    ):
        await gateway.loaded(MODEL, ready=1)
        direct, through = (
            f"{url}/v1/chat/completions" for url in (real_generator.url, gateway.url)
        )
        async with session.post(direct, json=CHAT, headers=cookie | ours) as answer:
            assert (answer.status, await answer.read()) == (400, b"")
        async with session.post(through, json=CHAT, headers=cookie) as answer:
            assert answer.status == 200
        async with session.post(through, data=json.dumps(CHAT), headers=FORM) as answer:
            assert answer.status == 200
        async with session.post(through, json=WORDY) as answer:
            error = (await answer.json())["error"]
            assert answer.status == 400
            assert error["code"] == "context_length_exceeded"
            assert set(error) == {"message", "type", "param", "code"}
