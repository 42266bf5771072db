"""Do the programs in examples/ do what they show? Run as users run them, with the real server.

The model is a small one that was not made to embed: what it says is no matter here, but what was
found, and the form of what it says, is.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.examples import EXAMPLES
from tests.support.gateway import Gateway
from tests.support.llama.real import RealLlama

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUPPER = "Supper in the hut is served from six until half past seven in the evening."
DOGS = "Dogs stay in the stable. They are not allowed in the bedrooms."
ABOUT_DOGS = "Are dogs allowed in the bedrooms?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    real_generator: RealLlama, real_embedder: RealLlama, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """The two models of examples/two-models.yaml, by the names that the programs expect."""
    directory: Path = tmp_path_factory.mktemp("gateway")
    key = directory / "key"
    key.write_text(real_generator.key)
    models = [
        {
            "name": name,
            "mode": mode,
            "backends": [{"url": server.url, "apiKeyFile": str(key)}],
        }
        for name, mode, server in (
            ("chat", "generate", real_generator),
            ("embed", "embed", real_embedder),
        )
    ]
    async with Gateway.running(directory, models) as running:
        for name in ("chat", "embed"):
            await running.loaded(name, ready=1)
        yield running


async def run(gateway: Gateway, program: str, *words: str) -> list[str]:
    """The lines that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / program),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENAI_BASE_URL": f"{gateway.url}/v1"},
    )
    said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return said.decode().splitlines()


@pytest.mark.parametrize(
    ("question", "text"),
    [("Until when is supper served?", SUPPER), (ABOUT_DOGS, DOGS)],
    ids=["supper", "dogs"],
)
async def test_retrieval_finds_the_text_that_answers(
    gateway: Gateway, question: str, text: str
) -> None:
    first, second, *answer = await run(gateway, "rag.py", question)

    assert first == f"found: {text}"
    assert second.startswith("found: ")
    assert "".join(answer).strip()


async def test_a_schema_and_a_grammar_are_kept_to(gateway: Gateway) -> None:
    letter = "Since 3 May 2026 our line has been dead, please hurry!"

    ticket, date = await run(gateway, "structured.py", letter)

    said = json.loads(ticket)
    assert said.keys() == {"topic", "urgent", "summary"}
    assert said["topic"] in ("billing", "outage", "question")
    assert isinstance(said["urgent"], bool)
    assert len(said["summary"]) <= 120
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", date)


async def test_langchain_retrieves_streams_and_gives_an_object(gateway: Gateway) -> None:
    said = await run(gateway, "with_langchain.py", ABOUT_DOGS)

    assert said[:2] == ["found:", f"- {DOGS}"]
    assert "".join(said[said.index("answer:") + 1 : -1]).strip()
    verdict = json.loads(said[-1].removeprefix("verdict: "))
    assert isinstance(verdict["answered"], bool)
    assert await gateway.logged(path="/v1/chat/completions", stream=True, status=200)
