"""Where may a client put its key by mistake, and does a log or an answer repeat it?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.serving import FAST, chat, serving
from tests.support.said import SAID

KEY = "sk-9dVq7mS0aQx2Lw8ZkT1uYc5Rb3Nf6Hj4"
PATHS = [
    f"/v1/chat/completions/{KEY}",
    f"/v1/{KEY}/chat/completions",
    f"/v1/chat/completions?api_key={KEY}",
    f"/v1/models/{KEY}",
    f"/{KEY}",
    f"//{KEY}@gateway/v1/models",
    f"/v1/completions;key={KEY}",
    f"/v1/unknown%20{KEY}",
]


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "HEAD"])
async def test_a_key_in_a_path_is_neither_logged_nor_told(tmp_path: Path, method: str) -> None:
    (tmp_path / "keys").write_text(line_for(KEY, "team-a") + "\n")
    SAID.give(KEY)
    async with serving(tmp_path, replace(FAST), keysFile="keys") as it:
        async with aiohttp.ClientSession() as session:
            for path in PATHS:
                headers = {"Authorization": f"Bearer {KEY}", "X-Request-Id": KEY}
                answer = await session.request(
                    method, it.gateway.url + path, json=chat(), headers=headers
                )
                told = str(answer.headers) + await answer.text()
                if not path.startswith("/v1/models/"):  # "The model … does not exist" names it.
                    assert KEY not in told
            await session.get(it.gateway.url + "/end")
            async with session.get(it.gateway.admin + "/metrics") as page:
                assert KEY not in await page.text()
        await it.gateway.logged(method="GET", path="other")
        assert KEY not in json.dumps(it.gateway.lines)
        assert len(it.gateway.access) >= 1
