"""Conversations with a long common beginning, through the gateway."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.gateway.serving import FAST, serving

SHAPE = replace(FAST, context=2_000_000, prefill=1e9, batch=2_000_000)


@pytest.mark.parametrize("words", [8_000, 30_000, 200_000], ids=["40 KB", "150 KB", "1 MB"])
async def test_each_turn_goes_where_the_last_one_was_and_the_log_says_what_was_cached(
    tmp_path: Path, words: int
) -> None:
    system = {"role": "system", "content": "word " * words}
    async with serving(tmp_path, SHAPE, SHAPE, SHAPE) as it:
        talks = [
            [system, {"role": "user", "content": f"talk {talk} " + f"{talk} " * 800}]
            for talk in range(6)
        ]
        at: dict[int, str] = {}
        for turn in range(4):
            for talk, messages in enumerate(talks):
                answer = await it.ask(messages=messages, max_tokens=1)
                assert answer.status == 200
                replica = answer.headers["x-llmstack-replica"]
                assert at.setdefault(talk, replica) == replica
                messages.append({"role": "user", "content": f"turn {turn} " + "and " * 300})
    log = [line for line in it.gateway.access if line["path"].endswith("completions")]
    for line in log:
        assert line["prefix_hit"] == pytest.approx(
            line["cached_tokens"] / line["prompt_tokens"], abs=1e-3
        )
    assert all(line["prefix_hit"] > 0.8 for line in log[len(talks) :])
    assert log[0]["prefix_hit"] == 0
