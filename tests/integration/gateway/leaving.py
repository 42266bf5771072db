"""Clients that leave at random moments, and what is done about it.

Through  the gateway itself
Direct   the same rule in few lines, between the gateway's owner of slots and a server: what a
         client has left ends when the server has closed its side
Hasty    two rules that look right and are not; they show that the tests can fail
Storm    so many clients, each with its own way to leave
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.replica_pace import Pace
from llmstack.gateway.replicas import Replicas
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant
from tests.support.gateway import Gateway
from tests.support.llama.client import PATIENCE, Client, Exchange, Reply

MODEL = "sample"


class Phase(StrEnum):
    """How far has a request come?"""

    QUEUED = "queued"
    SENT = "in prefill"
    ANSWERED = "in decode"
    DONE = "done"


@dataclass
class Progress:
    """Of one request, for whoever waits to see it get so far."""

    phase: Phase = Phase.QUEUED
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def reached(self, phase: Phase) -> None:
        self.phase = phase
        self.changed.set()

    async def beyond(self, phase: Phase) -> None:
        """Waits until it is not in this phase any more."""
        while self.phase is phase:
            self.changed.clear()
            await self.changed.wait()


class Way(Protocol):
    """What a client's request goes through."""

    async def request(self, body: dict[str, Any], progress: Progress) -> Reply: ...
    async def ended(self) -> None: ...


class Direct:
    """Asks the owner for slots, sends the request, tells the owner how it ended."""

    def __init__(self, client: Client, owner: LocalOwner) -> None:
        self.client = client
        self.owner = owner
        self._asks = itertools.count(1)
        self._lingering: set[asyncio.Task[None]] = set()

    async def request(self, body: dict[str, Any], progress: Progress) -> Reply:
        now = asyncio.get_running_loop().time()
        grant = await self.owner.acquire(Ask(next(self._asks), MODEL, "", 1, (), now))
        assert isinstance(grant, Grant), grant
        progress.reached(Phase.SENT)
        sending = asyncio.create_task(self.client.send("/completion", body))
        try:
            exchange = await asyncio.shield(sending)
            await exchange.first()
            self.owner.first_byte(grant.lease)
            progress.reached(Phase.ANSWERED)
            reply = await exchange.whole()
        except asyncio.CancelledError:
            task = asyncio.create_task(self._leave(await sending, grant.lease))
            self._lingering.add(task)
            raise
        self.owner.release(grant.lease, Ending.DONE)
        progress.reached(Phase.DONE)
        exchange.close()
        return reply

    async def _leave(self, exchange: Exchange, lease: int) -> None:
        """Until the server closes its side, it may still launch what its client has left."""
        exchange.half_close()
        await exchange.closed()
        exchange.close()
        self.owner.release(lease, Ending.CANCELLED)

    async def ended(self) -> None:
        """All that was left has ended."""
        await asyncio.gather(*self._lingering)


class Hasty(Direct):
    """Closes the connection and says so at once: DONE, or CANCELLED and then a look at /slots."""

    ending = Ending.DONE

    async def _leave(self, exchange: Exchange, lease: int) -> None:
        exchange.close()
        self.owner.release(lease, self.ending)


class HastyLook(Hasty):
    ending = Ending.CANCELLED


class Through:
    """Through the gateway: the client knows only whether it has got a byte."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.client = Client(gateway.address[1])

    async def request(self, body: dict[str, Any], progress: Progress) -> Reply:
        async with self.client.sending("/completion", body | {"model": MODEL}) as exchange:
            progress.reached(Phase.SENT)
            await exchange.first()
            progress.reached(Phase.ANSWERED)
            return await exchange.whole()

    async def ended(self) -> None:
        await self.gateway.loaded(MODEL, busy=0, draining=0, waiting=0)

    def phases(self) -> Counter[Phase]:
        """How far had those come that were left? By the access log; ask when it has stopped."""
        gone = [line for line in self.gateway.access if line["outcome"] == "client_gone"]
        return Counter(_phase(line) for line in gone)


def _phase(line: dict[str, Any]) -> Phase:
    if not line["replica"]:
        return Phase.QUEUED
    return Phase.ANSWERED if line["first_byte_ms"] else Phase.SENT


@asynccontextmanager
async def owning(client: Client) -> AsyncIterator[LocalOwner]:
    """The owner of the slots of one server, which polls it as the gateway does."""
    owner = LocalOwner()
    replicas = Replicas(owner, lambda _model, _replica: float("-inf"), Pace(metrics=1e9))
    owner.hurry = replicas.hurry
    backend = Backend("replica", "127.0.0.1", client.port, client.key)
    limits = QueueLimits(1000, PATIENCE, PATIENCE)
    catalog = Catalog((Model(MODEL, queue=limits, backends=(backend,)),))
    owner.apply(catalog)
    replicas.follow(catalog)
    try:
        yield owner
    finally:
        await replicas.close()


class Storm:
    """So many clients at once, until so many requests have been left.

    `pace` scales how long they stay in a phase; 1 suits a server of 30 tokens a second. Some
    requests are not left: `whole` are their answers, with how many tokens were asked for. `left`
    counts those that were, by the phase they had reached and by whether they were streamed.
    """

    def __init__(
        self, way: Way, seed: int, leaving: int, pace: float = 1.0, clients: int = 4
    ) -> None:
        self.way = way
        self.random = random.Random(seed)
        self.leaving = leaving
        self.pace = pace
        self.clients = clients
        self.left: Counter[tuple[Phase, bool]] = Counter()
        self.whole: list[tuple[int, Reply]] = []

    async def blow(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(self._client())
        await self.way.ended()

    async def _client(self) -> None:
        while self.leaving > 0:
            moment = self.random.choice((*_MOMENTS, None))
            self.leaving -= moment is not None
            await self._one(moment)

    async def _one(self, moment: Phase | None) -> None:
        tokens, stream = self.random.randint(2, 20), self.random.random() < 0.5
        body = self._body(tokens, stream)
        progress = Progress()
        task = asyncio.create_task(self.way.request(body, progress))
        if moment is not None:
            await self._until(moment, progress, task)
        if moment is None or task.done():
            self.leaving += moment is not None
            self.whole.append((tokens, await task))
            return
        self.left[progress.phase, stream] += 1
        task.cancel()
        await asyncio.wait([task])

    async def _until(self, moment: Phase, progress: Progress, task: asyncio.Task[Reply]) -> None:
        """Until it is in that phase, and then for a moment in it; or until it has ended."""
        for earlier in _MOMENTS[: _MOMENTS.index(moment)]:
            waiting = asyncio.create_task(progress.beyond(earlier))
            await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        stay = self.random.random() ** 2 * _STAYS[moment] * self.pace
        await asyncio.wait([task], timeout=stay)

    def _body(self, tokens: int, stream: bool) -> dict[str, Any]:
        length = self.random.randint(*(_LONG if self.random.random() < 0.1 else _SHORT))
        words = " ".join(self.random.choices(_WORDS, k=length))
        given = {"n_predict": tokens, "ignore_eos": True, "stream": stream}
        return {"prompt": f"{self.random.random()} {words}", **given}


_MOMENTS = (Phase.QUEUED, Phase.SENT, Phase.ANSWERED)
_STAYS = {Phase.QUEUED: 1.5, Phase.SENT: 1.0, Phase.ANSWERED: 0.5}
_SHORT, _LONG = (2, 40), (150, 200)
_WORDS = ("slot", "token", "prompt", "queue", "server", "model", "cache", "step")
