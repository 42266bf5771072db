"""How does this process own the slots of all models?

It has one pool per model (routing/pool.py); this module keeps the futures of waiting requests and
the timers of their budgets. Everything runs in the event loop's thread. The clock is time.monotonic
here and wherever times are compared with its own: the loop's clock may lag behind, so that a poll
sent before a lease ended would seem to have been sent after it.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Iterator

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.inherited import Adopted, Inherited
from llmstack.gateway.model_change import apply_change
from llmstack.gateway.waiters import Timer, Told, Waiter
from llmstack.routing.load import Load
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.permit import Permit
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen


def _ignore(*_args: object) -> None:
    """Does nothing: the default callback."""


class LocalOwner:
    """An Owner (owner.py) with the pools in this process.

    `changed(model)` is called whenever the load of a model may have changed; it must be quick.
    `hurry(model, backend)` is called when slots begin to drain, which only a poll can free: poll at
    once, and often while draining() is True. `lost(lease)` is called if no poll has shown a lease
    for `lost_seconds` and no byte of its response came. `leases` yields ids that nobody else uses.
    `permit` says until when slots may be granted.
    """

    def __init__(
        self,
        changed: Callable[[str], None] = _ignore,
        hurry: Callable[[str, str], None] = _ignore,
        lost: Callable[[int], None] = _ignore,
        lost_seconds: float = 30.0,
        leases: Iterator[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed = changed
        self.hurry = hurry
        self.lost = lost
        self._lost_seconds = lost_seconds
        self._loop = asyncio.get_running_loop()
        self._lease_ids = leases or itertools.count(1)
        self._clock = clock
        self.permit = Permit()
        self._models: dict[str, Model] = {}
        self._pools: dict[str, Pool] = {}
        self._leases: dict[int, tuple[str, str, Pool]] = {}  # model, replica, pool
        self._inherited = Inherited()
        self._waiting: dict[int, Waiter] = {}
        self._timers: dict[str, Timer] = {}

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for a refusal (owner.Owner)."""
        pool = self._pools.get(ask.model)
        if pool is None:
            return Refusal(ask.id, Reason.MODEL_GONE)
        if self._models[ask.model].obstacle and not pool.serving:
            return Refusal(ask.id, Reason.CANNOT_START)
        own: Decision | None = None
        others: list[Decision] = []
        for decision in pool.submit(ask, self._clock()):
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

    def holds(self, lease: int) -> bool:
        """Returns True, because nobody else grants these slots (owner.Owner)."""
        return True

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease. Call it exactly once per grant."""
        model, replica, pool = self._leases.pop(lease)
        self._follow(model, pool, pool.release(lease, ending, self._clock()))
        if ending is not Ending.DONE and pool.draining(replica):
            self.hurry(model, replica)

    def first_byte(self, lease: int) -> None:
        """Records the first byte of a response: the replica has begun the request."""
        held = self._leases.get(lease)
        if held is not None:
            held[2].first_byte(lease, self._clock())

    def cached(self, lease: int, tokens: int) -> None:
        """Records how many prompt tokens were in the replica's cache (owner.Owner)."""
        held = self._leases.get(lease)
        if held is not None:
            held[2].cached(lease, tokens)

    def apply(self, catalog: Catalog) -> None:
        """Takes the current models. Leases of removed models may still be released."""
        now = self._clock()
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
            decisions = apply_change(pool, before, model, now)
            if model.obstacle and not pool.serving:
                decisions += pool.close(Reason.CANNOT_START, now)
            if decisions or before != model:
                self._follow(model.id, pool, decisions)

    def replica_up(self, model: str, backend: str, slots: int) -> None:
        """Records that a backend answers. It gets requests from its first seen() on.

        If a backend was restarted, call replica_down() first.
        """
        known = self._models.get(model)
        accepting = known.accepting(backend) if known is not None else None
        if accepting is not None:
            pool = self._pools[model]
            decisions = pool.replica(backend, slots, accepting, self._clock())
            inherited = self._inherited.take(model, backend)
            for adopted in inherited.live.values():
                self._take_over(adopted, pool)
            for adopted in inherited.doubted.values():
                self.doubt(adopted)
            for blocks in inherited.routed:
                pool.routed(backend, blocks)
            self._follow(model, pool, decisions)

    def replica_down(self, model: str, backend: str) -> None:
        """Records that a backend no longer serves, or was restarted."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.gone(backend, self._clock()))

    def seen(self, model: str, backend: str, poll: SlotsSeen) -> None:
        """Takes the result of a poll of `/slots`."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.seen(backend, poll, self._clock()))
            for lease in pool.lost(backend, self._lost_seconds):
                self.lost(lease)

    def quarantine(self, model: str, backend: str, on: bool) -> None:
        """Records that a backend is wedged (routing/wedge.py), or computes again."""
        if pool := self._pools.get(model):
            self._follow(model, pool, pool.quarantine(backend, on, self._clock()))

    def draining(self, model: str, backend: str) -> bool:
        """True if a poll of this backend is waited for, because it may free slots."""
        pool = self._pools.get(model)
        return pool is not None and pool.draining(backend)

    def load(self) -> dict[str, Load]:
        """Returns the load of all models, by id."""
        return {model: pool.load() for model, pool in self._pools.items()}

    # For peers (shared_owner.py)

    def submit(self, ask: Ask, tell: Callable[[Decision], None]) -> None:
        """Takes a peer's request. `tell` is called once, now or later. It must not call back."""
        pool = self._pools.get(ask.model)
        if pool is None:
            tell(Refusal(ask.id, Reason.MODEL_GONE))
        elif self._models[ask.model].obstacle and not pool.serving:
            tell(Refusal(ask.id, Reason.CANNOT_START))
        else:
            self._waiting[ask.id] = Told(self._waiting, ask.id, tell)
            self._follow(ask.model, pool, pool.submit(ask, self._clock()))

    def withdraw(self, model: str, ask: int) -> None:
        """Removes a peer's waiting request; nothing is told about it any more."""
        if self._waiting.pop(ask, None) is not None and (pool := self._pools.get(model)):
            self._follow(model, pool, pool.withdraw(ask, self._clock()))

    def knows(self, lease: int) -> bool:
        """True if this lease must be released here."""
        return lease in self._leases

    def has(self, model: str) -> bool:
        """True if the model is known here."""
        return model in self._pools

    def adopt(self, adopted: Adopted) -> None:
        """Takes over another owner's lease, now or once its replica is up."""
        pool = self._pools.get(adopted.model)
        if pool is None or adopted.id in self._leases:
            return
        if not self._take_over(adopted, pool):
            self._inherited.adopt(adopted)
        self.changed(adopted.model)

    def doubt(self, adopted: Adopted) -> None:
        """Takes over a lease that has ended; its slots are freed once a poll shows them idle."""
        pool = self._pools.get(adopted.model)
        if pool is None or adopted.id in self._leases:
            return
        if self._take_over(adopted, pool):
            self.release(adopted.id, Ending.FAILED)
        else:
            self._inherited.doubt(adopted)

    def disown(self, adopted: Adopted) -> None:
        """Drops an adopted lease that ended before its replica was up."""
        self._inherited.disown(adopted)

    def forget(self, models: Collection[str]) -> None:
        """Drops the leases of models that other gateways own now, and that are released there."""
        for lease in [lease for lease, held in self._leases.items() if held[0] in models]:
            del self._leases[lease]
        self._inherited.forget(models)

    def routed(self, model: str, replica: str, blocks: tuple[int, ...]) -> None:
        """Records that another owner has sent this prompt to a replica."""
        pool = self._pools.get(model)
        if pool is not None and pool.ledger(replica) is not None:
            pool.routed(replica, blocks)
        elif pool is not None:
            self._inherited.routed(model, replica, blocks)

    def resume(self) -> None:
        """Grants again, because the permit was renewed after it had ended."""
        for model, pool in list(self._pools.items()):
            self._follow(model, pool, pool.resume(self._clock()))

    def _take_over(self, adopted: Adopted, pool: Pool) -> bool:
        ledger = pool.ledger(adopted.replica)
        if ledger is None:
            return False
        pool.adopt(adopted.lease(ledger), self._clock())
        self._leases[adopted.id] = (adopted.model, adopted.replica, pool)
        return True

    async def _wait(self, ask: Ask, pool: Pool, future: asyncio.Future[Decision]) -> Decision:
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(ask, pool, future)
            raise
        finally:
            self._waiting.pop(ask.id, None)

    def _leave(self, ask: Ask, pool: Pool, future: asyncio.Future[Decision]) -> None:
        """Handles a client that left; it may have been granted slots without knowing it yet."""
        now = self._clock()
        if not future.done() or future.cancelled():
            self._follow(ask.model, pool, pool.withdraw(ask.id, now))
        elif isinstance(grant := future.result(), Grant) and grant.lease in self._leases:
            del self._leases[grant.lease]
            self._follow(ask.model, pool, pool.give_back(grant.lease, now))

    def _follow(self, model: str, pool: Pool, decisions: list[Decision]) -> None:
        """Carries out decisions, and sets the timer for the next budget to end."""
        while decisions:
            further: list[Decision] = []
            for decision in decisions:
                further += self._tell(model, pool, decision)
            decisions = further
        self._set_timer(model, pool)
        self.changed(model)

    def _tell(self, model: str, pool: Pool, decision: Decision) -> list[Decision]:
        """Wakes the request of a decision. Returns what follows if it is no longer waiting."""
        future = self._waiting[decision.ask]
        if future.cancelled():
            # Other code may run between the cancellation of a coroutine and its next step. That
            # step will withdraw the request, and find nothing left to withdraw.
            if isinstance(decision, Refusal):
                return []
            return pool.give_back(decision.lease, self._clock())
        if isinstance(decision, Grant):
            self._leases[decision.lease] = (model, decision.replica, pool)
        future.set_result(decision)
        return []

    def _set_timer(self, model: str, pool: Pool) -> None:
        """Sets a timer if none ends earlier; one that fires too early sets the next."""
        end = pool.next_expiry()
        timer = self._timers.get(model)
        if end is None or (timer is not None and timer.end <= end):
            return
        if timer is not None:
            timer.handle.cancel()
        delay = max(0.0, end - self._clock())
        self._timers[model] = Timer(end, self._loop.call_later(delay, self._expire, model, pool))

    def _expire(self, model: str, pool: Pool) -> None:
        del self._timers[model]
        self._follow(model, pool, pool.expire(self._clock()))

    def _new_pool(self, model: Model) -> Pool:
        pool = Pool(model.queue, self._clock(), self._lease_ids, self.permit)
        self._pools[model.id] = pool
        return pool
