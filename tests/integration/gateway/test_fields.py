"""What becomes of the fields of a body on its way to a replica?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gateway.serving import CHAT, FAST, MODEL, chat, serving

LINK = "http://169.254.169.254/latest/meta-data"


async def test_what_editors_send_with_each_keystroke_is_served(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        served = {"model": MODEL, "prompt": "a", "n_predict": 1}
        idle = {"id_slot": 0, "n_discard": 0, "n_cache_reuse": 0}
        async with it.gateway.session.post(
            f"{it.gateway.url}/completion", json=idle | served
        ) as answer:
            assert answer.status == 200
            # What says nothing is no unknown field.
            assert "x-llmstack-dropped-fields" not in answer.headers
        assert it.llamas[0].last_fields == served


async def test_an_unknown_field_is_dropped_and_named_in_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(guided_json={}, use_beam_search=True, max_tokens=1)

        assert answer.status == 200
        assert answer.headers["x-llmstack-dropped-fields"] == "guided_json, use_beam_search"
        assert set(it.llamas[0].last_fields) == {"model", "messages", "max_tokens"}


async def test_a_strange_name_breaks_no_header(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(max_tokens=1, **{"a\r\nx-evil: 1": 1, "ü": 2})

        assert answer.status == 200
        assert answer.headers["x-llmstack-dropped-fields"] == "a??x-evil??1, ?"
        assert "x-evil" not in answer.headers


async def test_an_unknown_field_is_refused_where_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSTACK_UNKNOWN_FIELDS", "refuse")
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(guided_json={})

        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.json["error"]["param"] == "guided_json"
        assert it.llamas[0].requests == 0


async def test_a_slip_of_the_pen_is_refused_and_the_right_name_told(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(temprature=1)

        assert (answer.status, answer.json["error"]["param"]) == (400, "temprature")
        assert "did you mean 'temperature'?" in answer.json["error"]["message"]


async def test_a_replica_fetches_from_listed_hosts_only(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, model={"mediaHosts": ["images.example"]}) as it:
        refused = await it.ask(messages=image(LINK))
        through = await it.ask(messages=image("https://images.example/a.png"), max_tokens=1)

        assert (refused.status, refused.json["error"]["param"]) == (400, "image_url")
        assert "images.example" in refused.json["error"]["message"]
        assert through.status == 200
        assert it.llamas[0].requests == 1


async def test_a_mark_of_the_byte_order_does_not_reach_the_replica(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        body = b'\xef\xbb\xbf{"model": "%b", "max_tokens": 1, "messages": []}' % MODEL.encode()
        async with it.gateway.session.post(it.gateway.url + CHAT, data=body) as answer:
            assert answer.status == 200, await answer.read()
        assert it.llamas[0].last_fields == {**chat(max_tokens=1), "messages": []}


def image(url: str) -> list[dict[str, object]]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, part]}]
