"""Conversations of many tenants with one llama-server, and what each answer must not show.

    tenant ─ prompt (a common beginning, its marker, its history) ─ salt ─> server
    answer ─> no other tenant's marker; no more cached than this salt has sent before;
              decoded alone: the probabilities of a server that caches nothing

Prompts are lists of tokens, so that "how much of it did this salt send before" is exact.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from tests.support.llama.client import Broken, Client

TENANTS: Final = 12
CONVERSATIONS: Final = 3
"""Of each tenant, side by side."""
COMMON: Final = 160
"""Tokens with which every prompt begins, whoever sends it."""
LONGEST: Final = 420
"""Tokens; a longer conversation begins anew."""
RENEWED: Final = 60
"""Turns after which a tenant gets another salt: it has sent nothing under it yet."""
ANSWER: Final = 8
Tokens = tuple[int, ...]


@dataclass
class Counts:
    """What happened."""

    turns: int = 0
    cancelled: int = 0
    cached: int = 0
    fresh_salts: int = 0
    alone: int = 0
    ties: int = 0
    deviation: float = 0.0
    faults: list[str] = field(default_factory=list)


@dataclass
class Tenant:
    """Its marker is in all of its prompts. `sent` is what the server may have under its salt."""

    name: str
    marker: Tokens
    salt: str = ""
    turns: int = 0
    sent: list[Tokens] = field(default_factory=list)
    histories: list[Tokens] = field(default_factory=lambda: [()] * CONVERSATIONS)

    def renew(self, salt: str) -> None:
        self.salt, self.sent, self.turns = salt, [], 0
        self.histories = [()] * CONVERSATIONS


class Crowd:
    """All tenants before one server; `quiet` is a server that caches nothing.

    `noise`: by how much the logarithm of a token's probability may differ where the same prompt is
    computed in other parts, or beside others: its sums are made in another order.
    """

    def __init__(
        self,
        server: Client,
        quiet: Client,
        words: Sequence[int],
        seed: int,
        noise: float,
        salted: bool = True,
        tenants: int = TENANTS,
    ) -> None:
        self.counts = Counts()
        self._server, self._quiet, self._words, self._salted = server, quiet, words, salted
        self._noise = noise
        self._random = random.Random(seed)
        self._common = tuple(self._random.choices(words, k=COMMON))
        self._tenants = [
            Tenant(f"tenant-{number}", tuple(self._random.sample(words, 6)))
            for number in range(tenants)
        ]
        self._road = _Road()

    async def run(self, turns: int, clients: int, alone_every: int) -> Counts:
        """So many turns of that many clients at a time; each `alone_every`-th is judged alone."""
        numbers = iter(range(1, turns + 1))
        free = {
            (tenant.name, each): tenant for tenant in self._tenants for each in range(CONVERSATIONS)
        }
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(numbers, free, alone_every))
        return self.counts

    async def _client(
        self, numbers: Iterator[int], free: dict[tuple[str, int], Tenant], alone_every: int
    ) -> None:
        for number in numbers:
            key = self._random.choice(list(free))
            tenant = free.pop(key)
            try:
                if number % alone_every == 0:
                    async with self._road.alone():
                        await self._turn(tenant, key[1], judged=True)
                else:
                    async with self._road.shared():
                        await self._turn(tenant, key[1], judged=False)
            finally:
                free[key] = tenant

    async def _turn(self, tenant: Tenant, conversation: int, judged: bool) -> None:
        tenant.turns += 1
        if not tenant.salt or tenant.turns > RENEWED:
            self.counts.fresh_salts += 1
            tenant.renew(f"{tenant.name}-{self.counts.fresh_salts}")
        salt, history = tenant.salt, tenant.histories[conversation]
        if len(history) > LONGEST - COMMON:
            history = ()
        asked = (*tenant.marker, *self._random.choices(self._words, k=self._random.randint(4, 40)))
        prompt = (*self._common, *history, *asked)
        sent = tenant.sent
        sent.append(prompt)
        self.counts.turns += 1
        body = {
            "prompt": list(prompt),
            "n_predict": ANSWER,
            "temperature": 0,
            "ignore_eos": True,
            "return_tokens": True,
        }
        if judged:
            body["n_probs"] = 5
        chance = self._random.random()
        if not judged and chance < 0.1:
            await self._leave(body, salt)
            return
        if not judged and chance < 0.15:
            body["n_cmpl"] = 2
        answers = await self._ask(self._server, body, salt)
        for answer in answers:
            self._check(tenant, prompt, sent, answer)
        if judged:
            await self._judge(tenant, body, answers[0])
        if tenant.salt == salt:
            tokens = tuple(answers[0]["tokens"])
            tenant.sent.append((*prompt, *tokens))
            tenant.histories[conversation] = (*history, *asked, *tokens)

    async def _ask(self, client: Client, body: dict[str, Any], salt: str) -> list[dict[str, Any]]:
        headers = {"X-Llmstack-Salt": salt} if self._salted and salt else {}
        async with client.sending("/completion", body, headers) as exchange:
            reply = await exchange.whole()
        assert reply.status == 200, reply.body
        answer = reply.json()
        return answer if isinstance(answer, list) else [answer]

    async def _leave(self, body: dict[str, Any], salt: str) -> None:
        """The client leaves at some moment: in the queue, in prefill, or in decode."""
        headers = {"X-Llmstack-Salt": salt} if self._salted else {}
        async with self._server.sending(
            "/completion", body | {"stream": True}, headers
        ) as exchange:
            try:
                async with asyncio.timeout(self._random.uniform(0, 0.05)):
                    await exchange.whole()
            except (TimeoutError, Broken):
                self.counts.cancelled += 1

    def _check(
        self, tenant: Tenant, prompt: Tokens, sent: list[Tokens], answer: dict[str, Any]
    ) -> None:
        """`sent` is all that was sent under its salt by now: the server takes it in any order."""
        others = (before for before in sent if before is not prompt)
        most = max((_common(prompt, before) for before in others), default=0)
        cached = answer["timings"]["cache_n"]
        self.counts.cached += cached
        if cached > most:
            self._fault(f"{tenant.name}: {cached} tokens cached of which it sent at most {most}")
        if answer["timings"]["prompt_n"] + cached != len(prompt):
            self._fault(f"{tenant.name}: its prompt was taken for another one")
        text = tuple(answer["tokens"])
        for other in self._tenants:
            if other is not tenant and _holds(text, other.marker):
                self._fault(f"{tenant.name} was told the marker of {other.name}")

    async def _judge(self, tenant: Tenant, body: dict[str, Any], answer: dict[str, Any]) -> None:
        """Decoded alone, it must be what a server says that has nothing but this prompt."""
        self.counts.alone += 1
        (expected,) = await self._ask(self._quiet, body | {"cache_prompt": False}, "")
        for (one, said), (other, told) in zip(_steps(answer), _steps(expected), strict=True):
            away = max((abs(said[token] - told[token]) for token in said.keys() & told), default=0)
            self.counts.deviation = max(self.counts.deviation, away)
            if away > self._noise:
                self._fault(f"{tenant.name}: decoded alone a token is {away:.3f} off")
                return
            if one == other:
                continue
            # With the noise of both, the other token may as well be the likeliest.
            if told and told[other] - told.get(one, float("-inf")) > 2 * self._noise:
                self._fault(f"{tenant.name}: decoded alone it says something else")
            self.counts.ties += 1
            return

    def _fault(self, what: str) -> None:
        self.counts.faults.append(what)


class _Road:
    """Many at once, or one alone."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._on_it = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._turn:
            self._on_it += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._on_it -= 1
            if not self._on_it:
                self._empty.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._empty.wait()
            yield


def _common(one: Tokens, other: Tokens) -> int:
    """The number of tokens with which both begin."""
    for position, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return position
    return min(len(one), len(other))


def _steps(answer: dict[str, Any]) -> Iterator[tuple[int, dict[int, float]]]:
    """Each token, with the logarithms of the probabilities of those that were likeliest there.

    A token that ends within a character comes without them.
    """
    steps = deque(answer["completion_probabilities"])
    for token in answer["tokens"]:
        step = steps.popleft() if steps and steps[0]["id"] == token else {"top_logprobs": ()}
        yield token, {each["id"]: each["logprob"] for each in step["top_logprobs"]}


def _holds(text: Tokens, marker: Tokens) -> bool:
    """Whether two neighbours of the marker are in it."""
    pairs = set(pairwise(marker))
    return any(pair in pairs for pair in pairwise(text))
