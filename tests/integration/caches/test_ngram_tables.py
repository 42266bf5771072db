"""Do tables of n-grams, which all prompts of a server share, draft for a tenant's prompt?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.caches.models import tiny
from tests.support.llama.client import Client
from tests.support.llama.real import RealLlama

SHARED = ("ngram-mod", "ngram-cache", "ngram-map-k", "ngram-map-k4v")
SIZES = {
    "ngram-mod": ("--spec-ngram-mod-n-match", "4", "--spec-ngram-mod-n-min", "1"),
    "ngram-map-k": ("--spec-ngram-map-k-size-n", "4", "--spec-ngram-map-k-size-m", "8"),
    "ngram-map-k4v": ("--spec-ngram-map-k4v-size-n", "4", "--spec-ngram-map-k4v-size-m", "8"),
}
"""So short that a repetition is found in the test's text."""
_DRAFTED = re.compile(rb"^llamacpp:spec_decode_num_draft_tokens_total (\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tiny(tmp_path_factory.mktemp("model"))


async def drafted(client: Client, salt: str) -> tuple[int, str]:
    """How many tokens are drafted for an answer, and the answer's text, which repeats itself."""
    before = await _total(client)
    body = {
        "prompt": "one two three four five six seven eight nine ten " * 12,
        "n_predict": 64,
        "temperature": 0,
        "ignore_eos": True,
        "grammar": 'root ::= ("one two three four five six seven eight nine ten ")+',
    }
    headers = {"X-Llmstack-Salt": salt} if salt else {}
    async with client.sending("/completion", body, headers) as exchange:
        answer = (await exchange.whole()).json()
    assert not {"draft_n", "draft_n_accepted"} & set(answer["timings"])
    return await _total(client) - before, answer["content"]


@pytest.mark.parametrize("kind", SHARED)
async def test_a_prompt_with_a_salt_is_decoded_without_them(
    kind: str, model: Path, tmp_path: Path
) -> None:
    extra = ("--spec-type", kind, *SIZES.get(kind, ()))
    with RealLlama.running(tmp_path, model, extra) as server:
        client = Client(server.port, server.key)
        await drafted(client, "")
        shared, plain = await drafted(client, "")
        alone, salted = await drafted(client, "tenant-a")
    assert shared > 0, "it drafts nothing at all: the test shows nothing"
    assert alone == 0
    assert salted == plain


async def _total(client: Client) -> int:
    found = _DRAFTED.search((await client.get("/metrics")).body)
    return int(found[1]) if found else 0
