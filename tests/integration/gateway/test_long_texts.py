"""Does a text that is far beyond the context reach a replica, which would tokenise all of it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmstack.gateway.length import ALWAYS
from tests.integration.gateway.serving import CHAT, FAST, MODEL, serving

LONG = "a " * ALWAYS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": [{"role": "user", "content": LONG}]}),
        ("/completion", {"prompt": LONG}),
        ("/v1/messages", {"messages": [{"role": "user", "content": LONG}]}),
    ],
)
async def test_it_is_refused_before_it_waits_for_a_slot(
    tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    async with serving(tmp_path, FAST) as it:
        sent = {"model": MODEL, **body}
        async with it.gateway.session.post(it.gateway.url + path, json=sent) as answer:
            assert answer.status == 400
            assert "context" in (await answer.json())["error"]["message"]
        line = await it.gateway.logged(logger="access", path=path)
        assert (line["outcome"], line["replica"]) == ("context_length_exceeded", "")


async def test_pictures_do_not_count_as_text(tmp_path: Path) -> None:
    data = "data:image/png;base64," + "A" * (3 * ALWAYS)
    content = [{"type": "image_url", "image_url": {"url": data}}]
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(messages=[{"role": "user", "content": content}], max_tokens=1)
        assert answer.status == 200


async def test_texts_are_tokenised_where_that_is_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        sent = {"model": MODEL, "content": LONG}
        async with it.gateway.session.post(it.gateway.url + "/tokenize", json=sent) as answer:
            assert answer.status == 200
