"""What do others notice of a tenant that connects and leaves hundreds of times a second?

Against a real llama-server: whatever it sends and whenever it leaves, others are served, no task is
put off inside the server, and in the end nothing of it is left.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.leaving import MODEL
from tests.support.gateway import Gateway
from tests.support.llama.client import Broken, Client
from tests.support.llama.real import RealLlama

SOAK = os.environ.get("LLMSTACK_SOAK") == "1"
LEAVING = 20_000 if SOAK else 1500
PER_SECOND = 300
ALICE, BOB = "sk-alice-0123456789abcdef", "sk-bob-0123456789abcdef"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
SENT: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", CHAT | {"stream": True, "max_tokens": 200}),
    ("/v1/chat/completions", CHAT | {"max_tokens": 200}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": "word " * 100}]}),
    ("/completion", {"model": MODEL, "prompt": ["a", "b"], "n_predict": 100}),
    ("/completion", {"model": MODEL, "prompt": "a", "n_cmpl": 2, "n_predict": 100}),
    ("/infill", {"model": MODEL, "input_prefix": "def f(", "input_suffix": ")", "n_predict": 50}),
    ("/tokenize", {"model": MODEL, "content": "word " * 2000}),
    ("/apply-template", CHAT),
    ("/v1/messages/count_tokens", CHAT),
]


class Storm:
    """One tenant's clients, each of which leaves at another moment."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.left = 0

    async def blow(self, leaving: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(leaving):
                group.create_task(self._one())
                await asyncio.sleep(1 / PER_SECOND)

    async def _one(self) -> None:
        path, body = self.random.choice(SENT)
        try:
            if self.random.random() < 0.1:  # A head, and no more.
                body = {**body, "prompt": "x" * 100_000}
            exchange = await self.client.send(path, body)
        except OSError:
            return
        await asyncio.sleep(self.random.choice((0.0, 0.001, 0.01, 0.1, 0.5)))
        self.left += 1
        if self.random.random() < 0.5:
            exchange.writer.transport.abort()
        else:
            exchange.close()


async def ask(client: Client, until: asyncio.Task[None], answers: Counter[int]) -> list[float]:
    """Asks one thing after another while the storm lasts; gives how long each waited for a slot."""
    waited = []
    while not until.done():
        try:
            reply = await client.post("/v1/chat/completions", CHAT)
            answers[reply.status] += 1
            waited.append(int(reply.headers["x-llmstack-queued-ms"]) / 1000)
        except Broken:
            answers[0] += 1
    return waited


@pytest.mark.soak
async def test_others_are_served_and_nothing_is_left_of_it(
    real_generator: RealLlama, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "key").write_text(real_generator.key)
    (tmp_path / "keys").write_text("".join(f"{line_for(*who)}\n" for who in _TENANTS))
    backend = {"url": real_generator.url, "apiKeyFile": "key"}
    before = await asyncio.to_thread(real_generator.deferrals)
    models = [{"name": MODEL, "backends": [backend]}]
    async with Gateway.running(tmp_path, models, keysFile="keys") as gateway:
        await gateway.loaded(MODEL, ready=1)
        port, pid = gateway.address[1], gateway.process.pid
        bob = Client(port, BOB)
        assert (await bob.post("/v1/chat/completions", CHAT)).status == 200
        open_before, memory_before = files(pid), memory(pid)
        storm = Storm(Client(port, ALICE), seed=1)
        blowing = asyncio.create_task(storm.blow(LEAVING))
        answers: Counter[int] = Counter()
        waited = await ask(bob, blowing, answers)
        await blowing
        await gateway.loaded(MODEL, busy=0, draining=0, waiting=0, foreign=0)
        assert (await bob.post("/v1/chat/completions", CHAT)).status == 200
        grown, kept = memory(pid) - memory_before, files(pid) - open_before
    deferrals = await asyncio.to_thread(real_generator.deferrals) - before
    for name, value in (
        *(("left", storm.left), ("others' answers", dict(answers)), ("deferrals", deferrals)),
        *(("longest wait of others, s", max(waited)), ("memory, MiB", grown >> 20)),
        ("open files more", kept),
    ):
        record_property(name, value)
    assert storm.left >= 0.9 * LEAVING
    assert set(answers) == {200}, answers
    assert deferrals == 0
    assert grown < 64 << 20
    assert kept < 64
    assert real_generator.process.poll() is None


_TENANTS = ((ALICE, "alice"), (BOB, "bob"))


def files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def memory(pid: int) -> int:
    """Bytes that the process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
