"""This process owns the slots of all models.

One pool (routing/pool.py) each; here are the futures of those that wait and the timers of their
budgets. All of it runs in the event loop's thread. The clock is time.monotonic, for whatever is
compared with its times too: a loop's own may lag behind it, and a poll that began before the end of
a lease would seem to have begun after it.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from llmstack.gateway.catalog import Catalog, Model
from llmstack.routing.budget import Limits
from llmstack.routing.load import Load
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen


def _ignore(*_args: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class _Timer:
    end: float
    handle: asyncio.TimerHandle


class LocalOwner:
    """An Owner (owner.py) whose pools are here.

    `changed(model)` is called whenever the load of a model may be another; it must be quick.
    `hurry(model, backend)` is called when slots begin to drain, which only a poll can free: poll at
    once, and often as long as they are draining().
    `lost(lease)` is called when polls have not shown a lease for `lost_seconds` and no byte of its
    answer came.
    """

    def __init__(
        self,
        changed: Callable[[str], None] = _ignore,
        hurry: Callable[[str, str], None] = _ignore,
        lost: Callable[[int], None] = _ignore,
        lost_seconds: float = 30.0,
    ) -> None:
        self.changed = changed
        self.hurry = hurry
        self.lost = lost
        self._lost_seconds = lost_seconds
        self._loop = asyncio.get_running_loop()
        self._lease_ids = itertools.count(1)
        self._models: dict[str, Model] = {}
        self._pools: dict[str, Pool] = {}
        self._leases: dict[int, tuple[str, str, Pool]] = {}  # model, replica, pool
        self._waiting: dict[int, asyncio.Future[Decision]] = {}
        self._timers: dict[str, _Timer] = {}

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for the word that there will be none (owner.Owner)."""
        pool = self._pools.get(ask.model)
        if pool is None:
            return Refusal(ask.id, Reason.MODEL_GONE)
        if self._models[ask.model].obstacle and not pool.serving:
            return Refusal(ask.id, Reason.CANNOT_START)
        own: Decision | None = None
        others: list[Decision] = []
        for decision in pool.submit(ask, time.monotonic()):
            if decision.ask == ask.id:
                own = decision
            else:
                others.append(decision)
        if own is None:
            future = self._waiting[ask.id] = self._loop.create_future()
        elif type(own) is Grant:
            self._leases[own.lease] = (ask.model, own.replica, pool)
        self._follow(ask.model, pool, others)
        return own or await self._wait(ask, pool, future)

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease; exactly once for each grant."""
        model, replica, pool = self._leases.pop(lease)
        self._follow(model, pool, pool.release(lease, ending, time.monotonic()))
        if ending is not Ending.DONE and pool.draining(replica):
            self.hurry(model, replica)

    def first_byte(self, lease: int) -> None:
        """The first byte of its answer came: its replica has begun it."""
        held = self._leases.get(lease)
        if held is not None:
            held[2].first_byte(lease, time.monotonic())

    def cached(self, lease: int, tokens: int) -> None:
        """So many tokens of its prompt were in its replica's cache (owner.Owner)."""
        held = self._leases.get(lease)
        if held is not None:
            held[2].cached(lease, tokens)

    def apply(self, catalog: Catalog) -> None:
        """The models are these now. Leases on those that are gone may still be released."""
        now = time.monotonic()
        for model_id in self._pools.keys() - catalog.by_id.keys():
            pool = self._pools.pop(model_id)
            self._follow(model_id, pool, pool.close(Reason.MODEL_GONE, now))
            del self._models[model_id]
            if timer := self._timers.pop(model_id, None):
                timer.handle.cancel()
        for model in catalog.models:
            before = self._models.get(model.id)
            self._models[model.id] = model
            pool = self._pools.get(model.id) or self._new_pool(model)
            decisions = _reconcile(pool, before, model, now)
            if model.obstacle and not pool.serving:
                decisions += pool.close(Reason.CANNOT_START, now)
            if decisions or before != model:
                self._follow(model.id, pool, decisions)

    def replica_up(self, model: str, backend: str, slots: int) -> None:
        """A backend answers. It gets requests from its first seen() on; restarted: down first."""
        accepting = self._accepting(model, backend)
        if accepting is not None:
            pool = self._pools[model]
            self._follow(model, pool, pool.replica(backend, slots, accepting, time.monotonic()))

    def replica_down(self, model: str, backend: str) -> None:
        """A backend serves no more, or was restarted."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.gone(backend, time.monotonic()))

    def seen(self, model: str, backend: str, poll: SlotsSeen) -> None:
        """A poll of `/slots` was answered."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.seen(backend, poll, time.monotonic()))
            for lease in pool.lost(backend, self._lost_seconds):
                self.lost(lease)

    def quarantine(self, model: str, backend: str, on: bool) -> None:
        """A backend is wedged (routing/wedge.py), or computes again."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.quarantine(backend, on, time.monotonic()))

    def draining(self, model: str, backend: str) -> bool:
        """Do slots wait for a poll of this backend to be free?"""
        pool = self._pools.get(model)
        return pool is not None and pool.draining(backend)

    def load(self) -> dict[str, Load]:
        """How all models stand, by id."""
        return {model: pool.load() for model, pool in self._pools.items()}

    async def _wait(self, ask: Ask, pool: Pool, future: asyncio.Future[Decision]) -> Decision:
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(ask, pool, future)
            raise
        finally:
            self._waiting.pop(ask.id, None)

    def _leave(self, ask: Ask, pool: Pool, future: asyncio.Future[Decision]) -> None:
        """The client left. It may have been granted slots that it does not know of yet."""
        now = time.monotonic()
        if not future.done() or future.cancelled():
            self._follow(ask.model, pool, pool.withdraw(ask.id, now))
        elif isinstance(grant := future.result(), Grant):
            del self._leases[grant.lease]
            self._follow(ask.model, pool, pool.give_back(grant.lease, now))

    def _follow(self, model: str, pool: Pool, decisions: list[Decision]) -> None:
        """Tells those that wait, and sets the timer of the next budget to end."""
        while decisions:
            further: list[Decision] = []
            for decision in decisions:
                further += self._tell(model, pool, decision)
            decisions = further
        self._set_timer(model, pool)
        self.changed(model)

    def _tell(self, model: str, pool: Pool, decision: Decision) -> list[Decision]:
        """Wakes who waits for this; gives what follows where nobody does any more."""
        future = self._waiting[decision.ask]
        if future.cancelled():
            # Between the cancellation of a coroutine and its next step others run: it is about to
            # withdraw, and will find that there is nothing left to withdraw.
            if isinstance(decision, Refusal):
                return []
            return pool.give_back(decision.lease, time.monotonic())
        if isinstance(decision, Grant):
            self._leases[decision.lease] = (model, decision.replica, pool)
        future.set_result(decision)
        return []

    def _set_timer(self, model: str, pool: Pool) -> None:
        """A timer that fires too early sets the next; so only an earlier end needs another one."""
        end = pool.next_expiry()
        timer = self._timers.get(model)
        if end is None or (timer is not None and timer.end <= end):
            return
        if timer is not None:
            timer.handle.cancel()
        delay = max(0.0, end - time.monotonic())
        self._timers[model] = _Timer(end, self._loop.call_later(delay, self._expire, model, pool))

    def _expire(self, model: str, pool: Pool) -> None:
        del self._timers[model]
        self._follow(model, pool, pool.expire(time.monotonic()))

    def _new_pool(self, model: Model) -> Pool:
        pool = Pool(_limits(model), time.monotonic(), self._lease_ids)
        self._pools[model.id] = pool
        return pool

    def _accepting(self, model: str, backend: str) -> bool | None:
        """None: the catalog has no such backend (any more)."""
        known = self._models.get(model)
        return (
            next((b.accepting for b in known.backends if b.id == backend), None) if known else None
        )


def _limits(model: Model) -> Limits:
    queue = model.queue
    return Limits(queue.max_requests, queue.timeout, queue.cold_start_timeout, queue.reserve)


def _reconcile(pool: Pool, before: Model | None, model: Model, now: float) -> list[Decision]:
    """What a model's new version changes: its limits, backends that left, others' `accepting`."""
    decisions: list[Decision] = []
    if before is not None and before.queue != model.queue:
        decisions += pool.limits(_limits(model), now)
    backends = {backend.id: backend for backend in model.backends}
    for replica in pool.load().replicas:
        backend = backends.get(replica.id)
        if backend is None:
            decisions += pool.gone(replica.id, now)
        else:
            decisions += pool.replica(replica.id, replica.total, backend.accepting, now)
    return decisions
