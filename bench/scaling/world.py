"""What becomes of a trace under a scaler? Events on a virtual clock, in the order of their times.

    arrival ─> Pool.submit ─> granted ─> Replica.begin … finish ─> Pool.release ─> granted …
    sync ─> Scaler.wanted ─> replicas are created, load for a while, serve; or drain, and are gone

The pool is the gateway's own (llmstack.routing.pool), given the virtual time. Which replica goes
when one is to go is the same for all scalers: one that loads, else the one with the fewest busy
slots; it ends what it has begun.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.scaling.replica import Replica
from bench.scaling.traces import Request, Trace
from bench.scaling.view import Scaler, View
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen
from llmstack.scaling.gateway_load import ModelLoad, PodLoad

SLOTS = 4
LIMITS = QueueLimits(max_requests=1000, timeout=600.0, cold_start_timeout=600.0)
"""Patient clients and a long queue: so the waits show, and few are refused."""
WAKE = 1.0
"""Seconds from a request at zero to the pod."""


@dataclass
class Outcome:
    """What became of a trace: `waits` of those served, why others were refused, what it cost."""

    asked: int
    waits: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    replica_seconds: float = 0.0
    most: int = 0

    @property
    def replica_hours(self) -> float:
        """From each pod's creation to its end: loading and draining are paid for."""
        return self.replica_seconds / 3600

    def wait(self, share: float) -> float:
        """What `share` of all waited at most; who was refused counts with the longest wait."""
        waits = sorted(self.waits) + [LIMITS.timeout] * self.refused.total()
        return waits[max(0, -(-int(share * 1000) * len(waits) // 1000) - 1)] if waits else 0.0


def simulate(trace: Trace, scaler: Scaler, load_seconds: float) -> Outcome:
    """Runs the trace to its end, and until the last request is served or refused."""
    world = World(trace, scaler, load_seconds)
    world.run()
    return world.outcome


class World:
    """One run. It begins with one ready replica."""

    def __init__(self, trace: Trace, scaler: Scaler, load_seconds: float) -> None:
        self._trace = trace
        self._scaler = scaler
        self._load_seconds = load_seconds
        self.outcome = Outcome(len(trace.requests))
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._names = itertools.count()
        self._pool = Pool(LIMITS, 0.0, itertools.count(1))
        self._replicas: dict[str, Replica] = {}
        self._coming = iter(enumerate(trace.requests))
        self._works: dict[int, float] = {}  # of those that wait, by ask
        self._running = 0
        self._expiry: float | None = None

    def run(self) -> None:
        """All events, until nothing more can come."""
        self._ready(self._create())
        self._next_arrival()
        self._at(0.0, self._sync)
        while self._events and not self._over():
            self.now, _, event = heapq.heappop(self._events)
            event()
        for replica in list(self._replicas.values()):
            self._account(replica)

    def _over(self) -> bool:
        settled = self.outcome.finished + self.outcome.refused.total()
        return self._events[0][0] > self._trace.duration and settled == self.outcome.asked

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _next_arrival(self) -> None:
        if coming := next(self._coming, None):
            ask, request = coming
            self._at(request.at, lambda: self._arrive(ask, request))

    def _arrive(self, ask: int, request: Request) -> None:
        self._works[ask] = request.work
        self._follow(self._pool.submit(Ask(ask, "model", "all", 1, (), self.now), self.now))
        if not self._wanted() and self._scaler.called(self._view(), self.now):
            self._at(self.now + WAKE, self._wake)
        self._next_arrival()

    def _wake(self) -> None:
        if not self._wanted():
            self._create()

    def _follow(self, decisions: Sequence[Decision]) -> None:
        """Carries out what the pool decided."""
        for decision in decisions:
            work = self._works.pop(decision.ask)
            if isinstance(decision, Grant):
                self.outcome.waits.append(decision.waited)
                self._running += 1
                replica = self._replicas[decision.replica]
                replica.begin(decision.lease, work, self.now)
                self._foresee(replica)
            else:
                self.outcome.refused[decision.reason.value] += 1
        end = self._pool.next_expiry()
        if end is not None and (self._expiry is None or end < self._expiry):
            self._expiry = end
            self._at(end, self._expire)

    def _expire(self) -> None:
        if self._expiry is not None and self._expiry <= self.now:
            self._expiry = None
            self._follow(self._pool.expire(self.now))

    def _foresee(self, replica: Replica) -> None:
        end = replica.next_finish()
        if end is not None:
            plan = replica.plan
            self._at(end, lambda: self._finish(replica, plan))

    def _finish(self, replica: Replica, plan: int) -> None:
        if replica.plan != plan:
            return
        lease = replica.finish(self.now)
        if lease is not None:
            self._running -= 1
            self.outcome.finished += 1
            self._follow(self._pool.release(lease, Ending.DONE, self.now))
            self._end_if_drained(replica)
        self._foresee(replica)

    def _sync(self) -> None:
        wanted = self._scaler.wanted(self._view(), self.now)
        for _ in range(wanted, self._wanted()):
            self._remove()
        for _ in range(self._wanted(), wanted):
            self._create()
        self._at(self.now + self._scaler.interval, self._sync)

    def _wanted(self) -> int:
        return sum(not replica.leaving for replica in self._replicas.values())

    def _create(self) -> Replica:
        replica = Replica(f"r{next(self._names)}", SLOTS, self.now)
        self._replicas[replica.name] = replica
        self._at(self.now + self._load_seconds, lambda: self._ready(replica))
        self.outcome.most = max(self.outcome.most, self._wanted())
        return replica

    def _ready(self, replica: Replica) -> None:
        if replica.ready or replica.name not in self._replicas:
            return
        replica.ready = True
        self._follow(self._pool.replica(replica.name, SLOTS, True, self.now))
        self._follow(self._pool.seen(replica.name, SlotsSeen(self.now, SLOTS, 0), self.now))

    def _remove(self) -> None:
        staying = [each for each in self._replicas.values() if not each.leaving]
        replica = min(staying, key=lambda each: (each.ready, len(each.left), -each.created))
        replica.leaving = True
        if replica.ready:
            self._follow(self._pool.replica(replica.name, SLOTS, False, self.now))
        self._end_if_drained(replica)

    def _end_if_drained(self, replica: Replica) -> None:
        if replica.leaving and not replica.left and replica.name in self._replicas:
            self._account(replica)
            self._follow(self._pool.gone(replica.name, self.now))

    def _account(self, replica: Replica) -> None:
        del self._replicas[replica.name]
        self.outcome.replica_seconds += self.now - replica.created

    def _view(self) -> View:
        staying = [each for each in self._replicas.values() if not each.leaving]
        return View(
            replicas=len(staying),
            busy=tuple(len(each.left) for each in staying if each.ready),
            active=self._running + len(self._works),
            load=self._load(),
        )

    def _load(self) -> ModelLoad:
        """As the operator reads it from the gateway."""
        load = self._pool.load()
        replicas = (
            PodLoad(r.id, r.state, r.total, r.busy, r.draining, r.foreign) for r in load.replicas
        )
        return ModelLoad(tuple(replicas), load.waiting, load.waiting_slots, load.requests, SLOTS)
