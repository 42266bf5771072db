"""Is an array of prompts answered, however long it is? LangChain's `generate` sends such."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gateway.real import in_front_of
from tests.integration.gateway.serving import FAST, serving
from tests.integration.gateway.test_routes import told
from tests.support.llama.real import RealLlama

PROMPTS = [f"Once upon {number}" for number in range(8)]


@pytest.mark.parametrize("path", ["/v1/completions", "/completion", "/completions"])
async def test_an_array_beyond_the_slots_takes_the_whole_replica(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask(path, prompt=PROMPTS, max_tokens=2)
        assert answer.status == 200
        choices = answer.json["choices"] if path == "/v1/completions" else answer.json
        assert len(choices) == len(PROMPTS)
        load = await it.gateway.loaded("qwen", busy=0, waiting=0)
        assert load["requests"] == 1


async def test_it_may_stream(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        answer = await it.ask("/v1/completions", prompt=PROMPTS, max_tokens=2, stream=True)
        assert answer.status == 200
        seen = {event["choices"][0]["index"] for event in answer.events if event != "[DONE]"}
        assert seen == set(range(len(PROMPTS)))


async def test_the_real_server_says_the_same(real_generator: RealLlama, tmp_path: Path) -> None:
    body = {"model": "generate", "prompt": PROMPTS[:5], "max_tokens": 3, "temperature": 0}
    async with in_front_of({"generate": real_generator}, tmp_path) as gateway:
        direct = await told(real_generator.url, real_generator.key, "/v1/completions", body)
        through = await told(gateway.url, "none", "/v1/completions", body)
    assert direct[0] == through[0] == 200
    assert [choice["index"] for choice in through[1]["choices"]] == list(range(5))
    assert len(direct[1]["choices"]) == 5


async def test_tokens_are_counted_whatever_fields_an_answer_has(
    real_generator: RealLlama, tmp_path: Path
) -> None:
    """llama.vim asks for some of the timings; others for the content alone."""
    async with in_front_of({"generate": real_generator}, tmp_path) as gateway:
        for chosen in (["content"], ["content", "timings/prompt_n", "timings/predicted_n"]):
            for stream in (False, True):
                body = {"model": "generate", "prompt": "Once", "n_predict": 4, "stream": stream}
                headers = {"X-Request-Id": f"{len(chosen)}-{stream}"}
                async with gateway.session.post(
                    f"{gateway.url}/completion",
                    json={**body, "response_fields": chosen, "ignore_eos": True},
                    headers=headers,
                ) as answer:
                    assert answer.status == 200
                    text = await answer.text()
                assert '"content"' in text
                assert "generation_settings" not in text
                entry = await gateway.logged(request=headers["X-Request-Id"])
                assert entry["completion_tokens"] == 4
                assert entry["prompt_tokens"] > 0
