"""What would clients see? Conversations against replicas that prefill, cache and decode.

A replica computes a prompt's uncached bytes, then the answer, each at a fixed pace, and keeps the
newest conversations. Time is simulated: a run is the same each time, and takes milliseconds.
"""

import heapq
import itertools
import math
import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from llmstack.routing.affinity import blocks
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant
from llmstack.routing.pool import Pool
from llmstack.routing.slots import SlotsSeen

PREFILL = 4000.0  # bytes a second
DECODE = 160.0
CACHED = 6  # conversations kept beside those that run
SHARING = 0.8  # n jobs take n ** SHARING times as long as one


@dataclass
class Conversation:
    """A system prompt, then turns; each adds the answer and the next question."""

    name: int
    text: bytes
    turns: int
    answer: int = 150
    question: int = 1500

    def go_on(self, rng: random.Random) -> None:
        self.turns -= 1
        self.text += rng.randbytes(self.answer + self.question)


@dataclass(eq=False)
class Job:
    """A request that runs: seconds of prefill and of decode that are left, of a replica alone."""

    request: int
    prefill: float
    decode: float


@dataclass(eq=False)
class Replica:
    """What it has cached of each conversation, and what runs. Its jobs share its computing."""

    cached: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    jobs: list[Job] = field(default_factory=list)
    at: float = 0.0

    def begin(self, request: int, conversation: Conversation, decode: float) -> None:
        known = max((_common(text, conversation.text) for text in self.cached.values()), default=0)
        prefill = max(1, len(conversation.text) - known) / PREFILL
        self.jobs.append(Job(request, prefill, decode))
        self.cached[conversation.name] = conversation.text
        self.cached.move_to_end(conversation.name)
        while len(self.cached) > CACHED + len(self.jobs):
            self.cached.popitem(last=False)

    def next_event(self) -> float:
        """When is the next prefill or decode through?"""
        if not self.jobs:
            return math.inf
        left = min(job.prefill or job.decode for job in self.jobs)
        return self.at + left * len(self.jobs) ** SHARING

    def advance(self, now: float) -> list[Job]:
        """Computes until now. Returns the jobs whose prefill or decode is through just now."""
        share = (now - self.at) / max(1, len(self.jobs)) ** SHARING
        self.at = now
        through = []
        for job in self.jobs:
            phase = "prefill" if job.prefill else "decode"
            left = getattr(job, phase) - share
            setattr(job, phase, left if left > 1e-9 else 0.0)
            if left <= 1e-9:
                through.append(job)
        return through


class Router(Protocol):
    """Sends requests on. `start` is called back with (request, replica), now or later."""

    start: Callable[[int, int], None]

    def come(self, request: int, conversation: Conversation, now: float) -> None: ...

    def end(self, request: int, now: float) -> None: ...


class RoundRobin:
    """One replica after the other, each with a queue of its own."""

    start: Callable[[int, int], None]

    def __init__(self, replicas: int, slots: int) -> None:
        self._next = itertools.cycle(range(replicas))
        self._free = [slots] * replicas
        self._queues: list[list[int]] = [[] for _ in range(replicas)]
        self._at: dict[int, int] = {}

    def come(self, request: int, conversation: Conversation, now: float) -> None:
        replica = self._at[request] = next(self._next)
        self._queues[replica].append(request)
        self._serve(replica)

    def end(self, request: int, now: float) -> None:
        replica = self._at.pop(request)
        self._free[replica] += 1
        self._serve(replica)

    def _serve(self, replica: int) -> None:
        while self._queues[replica] and self._free[replica]:
            self._free[replica] -= 1
            self.start(self._queues[replica].pop(0), replica)


class Sticky(RoundRobin):
    """Each conversation has a replica for ever, whatever waits there: best where all is even."""

    def come(self, request: int, conversation: Conversation, now: float) -> None:
        replica = self._at[request] = conversation.name % len(self._free)
        self._queues[replica].append(request)
        self._serve(replica)


class Pooled:
    """The real thing. `blind`: it is told nothing about prompts."""

    start: Callable[[int, int], None]

    def __init__(self, replicas: int, slots: int, blind: bool = False) -> None:
        self._blind = blind
        self._pool = Pool(QueueLimits(max_requests=10_000, timeout=1e9), 0.0, itertools.count())
        self._leases: dict[int, int] = {}
        for replica in range(replicas):
            self._pool.replica(str(replica), slots, True, 0.0)
            self._pool.seen(str(replica), SlotsSeen(0.0, slots, 0), 0.0)

    def come(self, request: int, conversation: Conversation, now: float) -> None:
        chain = () if self._blind else blocks(b"m", conversation.text + b"}" * 256)
        self._follow(self._pool.submit(Ask(request, "m", "t", 1, chain, now), now))

    def end(self, request: int, now: float) -> None:
        self._follow(self._pool.release(self._leases.pop(request), Ending.DONE, now))

    def _follow(self, decisions: object) -> None:
        assert isinstance(decisions, list)
        for grant in decisions:
            assert isinstance(grant, Grant)
            self._leases[grant.ask] = grant.lease
            self.start(grant.ask, int(grant.replica))


@dataclass(frozen=True)
class Result:
    """Seconds: until all was done; until each first token; requests at each replica."""

    makespan: float
    first_tokens: list[float]
    served: list[int]

    def mean(self) -> float:
        return sum(self.first_tokens) / len(self.first_tokens)

    def p90(self) -> float:
        return sorted(self.first_tokens)[int(0.9 * len(self.first_tokens))]


class World:
    """Clients, a router and replicas."""

    def __init__(self, router: Router, think: float, seed: int) -> None:
        self.router = router
        self.think = think
        self.rng = random.Random(seed)
        self.replicas = [Replica() for _ in range(8)]
        self.served = [0] * 8
        self.first_tokens: list[float] = []
        self.now = 0.0
        self._arrivals: list[tuple[float, int, Conversation]] = []
        self._ids = itertools.count()
        self._requests: dict[int, tuple[Conversation, float]] = {}
        router.start = self._start

    def run(self, talks: list[Conversation]) -> Result:
        for conversation in talks:
            self._arrive(conversation, self.rng.uniform(0, 0.05))
        while True:
            replica = min(self.replicas, key=Replica.next_event)
            arrival = self._arrivals[0][0] if self._arrivals else math.inf
            self.now = min(replica.next_event(), arrival)
            if self.now == math.inf:
                last = max(replica.at for replica in self.replicas)
                return Result(last, self.first_tokens, self.served)
            if self.now == arrival:
                self._come(heapq.heappop(self._arrivals)[2])
            else:
                self._through(replica)

    def _arrive(self, conversation: Conversation, delay: float) -> None:
        heapq.heappush(self._arrivals, (self.now + delay, next(self._ids), conversation))

    def _come(self, conversation: Conversation) -> None:
        request = next(self._ids)
        self._requests[request] = (conversation, self.now)
        self.router.come(request, conversation, self.now)

    def _start(self, request: int, number: int) -> None:
        replica = self.replicas[number]
        assert not replica.advance(self.now)
        conversation, _ = self._requests[request]
        decode = conversation.answer / DECODE * self.rng.uniform(0.5, 1.5)
        replica.begin(request, conversation, decode)
        self.served[number] += 1

    def _through(self, replica: Replica) -> None:
        for job in replica.advance(self.now):
            conversation, came = self._requests[job.request]
            if job.decode:
                self.first_tokens.append(self.now - came)
                continue
            replica.jobs.remove(job)
            conversation.go_on(self.rng)
            if conversation.turns:
                self._arrive(conversation, self.think * self.rng.uniform(0.5, 1.5))
            self.router.end(job.request, self.now)


def run(router: Router, talks: list[Conversation], think: float = 0.002, seed: int = 1) -> Result:
    """All conversations, each at its own pace, until the last has ended."""
    return World(router, think, seed).run(talks)


def talks(number: int, turns: int, system: int = 1000, first: int = 4000) -> list[Conversation]:
    """Conversations with a common system prompt of so many bytes and a first question."""
    rng = random.Random(7)
    common = rng.randbytes(system)
    return [Conversation(i, common + rng.randbytes(first), turns) for i in range(number)]


def _common(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
