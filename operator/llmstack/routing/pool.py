"""How does one model serve its requests? Who asks, who waits, which slots are taken.

    submit ──> granted at once | waits ──> granted | refused (budget, pushed out, model gone)
                                      └──> withdrawn (its client left)
    granted ──> release

Every event returns the decisions that follow from it, each about one request; a request that is not
withdrawn gets exactly one. Everything is synchronous: each event brings the time, which never goes
back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from llmstack.routing.affinity import Index, Match
from llmstack.routing.budget import Clocks, QueueLimits
from llmstack.routing.chain import length
from llmstack.routing.choose import best, cost
from llmstack.routing.fairness import Tenants
from llmstack.routing.forecast import Forecast
from llmstack.routing.lease import Account
from llmstack.routing.load import Load
from llmstack.routing.messages import NO_SLOTS, WHOLE, Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.permit import Permit
from llmstack.routing.queue import Lane, Queue, Waiting
from llmstack.routing.replica_load import load_of
from llmstack.routing.reserve import Reserve
from llmstack.routing.slots import Correction, Lease, Ledger, SlotsSeen
from llmstack.routing.turn import Turns

Decision = Grant | Refusal

COLD_RETRY = 10
"""Retry-After in seconds while there is no replica to estimate from."""
_TOLERANCE = 1e-6
_NO_MATCHES: Mapping[str, Match] = {}


class Pool:
    """The queue and the ledgers of one model."""

    def __init__(
        self, limits: QueueLimits, now: float, leases: Iterator[int], permit: Permit | None = None
    ) -> None:
        """`leases` yields lease ids that nobody else uses. Without `permit` it may always grant."""
        self._limits = limits
        self._permit = permit or Permit()
        self._lease_ids = leases
        self._replicas: dict[str, Ledger] = {}
        self._leaving: dict[Account, Ledger] = {}  # gone, but with live leases
        self._leases: dict[int, Lease] = {}
        self._tenants = Tenants()
        self._queue = Queue(self._tenants)
        self._turns = Turns(self._queue, self._replicas, self._tenants)
        self._reserve = Reserve(self._tenants, self._replicas)
        self._index = Index()
        self._clocks = Clocks(now)
        self._requests = 0
        self._corrections: Counter[Correction] = Counter()
        self._largest = 0
        self._novel = 0
        self._forecast = Forecast()

    def submit(self, ask: Ask, now: float) -> list[Decision]:
        """Takes a new request. It waits, unless a returned decision is about it."""
        self._requests += not ask.avoid  # A request that a replica failed was counted before.
        ask = self._fitting(ask)
        lane = Lane(ask.slots, ask.avoid and ask.avoid.intersection(self._replicas))
        if refusal := self._impossible(ask.id, lane, now):
            return [refusal]
        matches = self._index.matches(ask.blocks) if ask.blocks else _NO_MATCHES
        if self._limits.reserve:
            if ask.slots != NO_SLOTS:
                self._reserve.active(ask.tenant, now)
            self._turns.bound = self._reserve.bound(now)
        permitted = now < self._permit.until
        if permitted and not self._queue and self._turns.may(ask.tenant, lane):
            replica = best(self._turns.free_for(lane, ask.tenant), matches, length(ask.blocks))
            if replica is not None:
                return [self._grant(ask, replica, matches, ask.spent, now)]
        homes = tuple(name for name, match in matches.items() if match.own)
        clocks = self._clocks.began(now, ask.spent)
        waiting = Waiting(ask, now - ask.spent, clocks, matches, homes, lane)
        self._queue.add(waiting)
        decisions = self._dispatch(now)
        crowded = permitted and self._queue.bounded > self._limits.max_requests
        if crowded and self._queue.get(ask.id) is waiting:
            decisions += self._push_out(waiting, now)
        return decisions

    def withdraw(self, ask_id: int, now: float) -> list[Decision]:
        """Removes a waiting request whose client left."""
        waiting = self._queue.get(ask_id)
        if waiting is None:
            return []
        self._queue.remove(waiting)
        return self._dispatch(now)

    def release(self, lease_id: int, ending: Ending, now: float) -> list[Decision]:
        """Ends a lease. Raises KeyError if there is no such lease, for example if it has ended."""
        lease = self._leases.pop(lease_id)
        if ending is Ending.DONE and lease.slots:
            self._forecast.ended(now - lease.granted)
        return self._end(lease, ending, now)

    def give_back(self, lease_id: int, now: float) -> list[Decision]:
        """Ends a lease that was never used, because its request was gone when the grant came."""
        return self._end(self._leases.pop(lease_id), Ending.DONE, now)

    def first_byte(self, lease_id: int, now: float) -> None:
        """Records the first byte of a response: the replica has begun the request."""
        lease = self._leases.get(lease_id)
        if lease is not None:
            lease.begun = min(lease.begun, now)
            lease.answered = True

    def cached(self, lease_id: int, tokens: int) -> None:
        """Records how many prompt tokens were cached, if some were believed to be."""
        lease = self._leases.get(lease_id)
        if lease is not None and self._replicas.get(lease.ledger.replica) is lease.ledger:
            self._index.learn(lease.ledger.replica, lease.blocks, tokens > 0)

    def replica(self, name: str, total: int, accepting: bool, now: float) -> list[Decision]:
        """Adds a replica, or updates its number of slots and whether it accepts new requests.

        A new replica gets requests after its first poll, seen(). If a replica was restarted, report
        it gone first, because what it computed has ended.
        """
        ledger = self._replicas.get(name)
        if ledger is None:
            ledger = self._replicas[name] = Ledger(name, total, self._corrections)
        ledger.resize(total)
        ledger.accept(accepting)
        return self._replicas_changed(now)

    def gone(self, name: str, now: float) -> list[Decision]:
        """Removes a replica. It gets no new requests; its leases end as their requests do."""
        ledger = self._replicas.pop(name, None)
        if ledger is None:
            return []
        if ledger.live:
            self._leaving[ledger] = ledger
        self._index.forget(name)
        for doubt in ledger.doubts:
            self._unuse(doubt.tenant, doubt.slots, now)
        ledger.doubts.clear()
        for waiting in [w for w in self._queue if name in w.lane.avoid]:
            lane = Lane(waiting.lane.slots, waiting.lane.avoid - {name})
            self._queue.change_lane(waiting, lane)
        return self._replicas_changed(now)

    def quarantine(self, name: str, on: bool, now: float) -> list[Decision]:
        """Records that a replica is wedged (it exists but computes nothing), or has recovered."""
        ledger = self._replicas.get(name)
        if ledger is None or ledger.wedged is on:
            return []
        ledger.quarantine(on)
        return self._replicas_changed(now)

    def seen(self, name: str, poll: SlotsSeen, now: float) -> list[Decision]:
        """Takes the result of a poll of a replica's slots."""
        ledger = self._replicas.get(name)
        if ledger is None:
            return []
        before = (ledger.total, ledger.usable)
        for freed in ledger.seen(poll):
            self._unuse(freed.tenant, freed.slots, now)
        unchanged = before == (ledger.total, ledger.usable)
        return self._dispatch(now) if unchanged else self._replicas_changed(now)

    def limits(self, limits: QueueLimits, now: float) -> list[Decision]:
        """Changes the limits, for requests that already wait as well."""
        if limits.reserve and not self._limits.reserve:
            for tenant in self._tenants.names():
                self._reserve.active(tenant, now)
        self._limits = limits
        decisions = self.expire(now)
        if now < self._permit.until:
            decisions += self._trim(now)
        return decisions + self._dispatch(now)

    def resume(self, now: float) -> list[Decision]:
        """Grants again after a pause: first serves what waits, then enforces the queue's bound."""
        decisions = self._dispatch(now)
        return decisions + self._trim(now) + self._dispatch(now)

    def adopt(self, lease: Lease, now: float) -> None:
        """Takes over a lease that an earlier owner of this model granted.

        Its `slots` are as its request asked for them; its ledger must be one of this pool's.
        """
        ledger = lease.ledger
        for doubt in [each for each in ledger.doubts if each.lease == lease.id]:
            self._unuse(doubt.tenant, ledger.doubt(doubt, 0), now)
            ledger.doubts.remove(doubt)
        if lease.slots:
            lease.slots = lease.held = min(cost(lease.slots, ledger), ledger.total)
            self._tenants.use(lease.tenant, lease.slots)
        self._leases[lease.id] = lease
        ledger.take(lease)
        self.routed(ledger.replica, lease.blocks)

    def routed(self, replica: str, blocks: tuple[int, ...]) -> None:
        """Records that another owner has sent this prompt to a replica."""
        if blocks and replica in self._replicas:
            self._index.add(replica, blocks)

    def ledger(self, replica: str) -> Ledger | None:
        """Returns the ledger of a replica, or None if there is no such replica."""
        return self._replicas.get(replica)

    def expire(self, now: float) -> list[Decision]:
        """Refuses requests whose budgets have ended."""
        decisions: list[Decision] = []
        with_replica, without = self._clocks.read(now + _TOLERANCE)
        while waiting := self._queue.oldest():
            if with_replica - waiting.clocks[0] >= self._limits.timeout:
                reason, limit = Reason.SLOT_TIMEOUT, self._limits.timeout
            elif without - waiting.clocks[1] >= self._limits.cold_start_timeout:
                reason, limit = Reason.NO_REPLICA, self._limits.cold_start_timeout
            else:
                break
            decisions.append(self._refuse(waiting, reason, limit, now))
        return decisions + self._dispatch(now) if decisions else decisions

    def next_expiry(self) -> float | None:
        """Returns when the next budget ends, or None if nobody waits."""
        oldest = self._queue.oldest()
        return self._clocks.ends(oldest.clocks, self._limits) if oldest else None

    def close(self, reason: Reason, now: float) -> list[Decision]:
        """Refuses all waiting requests. Leases may still be released."""
        return [self._refuse(waiting, reason, 0, now) for waiting in list(self._queue)]

    def draining(self, name: str) -> bool:
        """True if slots drain, or are in doubt while requests wait: a poll may free them."""
        ledger = self._replicas.get(name)
        if ledger is None or not (ledger.doubts or ledger.aside.left):
            return False
        return bool(self._queue) or ledger.draining > 0

    def lost(self, name: str, seconds: float) -> list[int]:
        """Returns leases without a first byte that the replica has not shown for `seconds`."""
        ledger = self._replicas.get(name)
        return ledger.lost(seconds) if ledger is not None else []

    @property
    def serving(self) -> bool:
        """True if some replica gets new requests."""
        return self._clocks.serving

    def load(self) -> Load:
        """Returns the model's load."""
        return Load(
            replicas=(
                *(load_of(ledger) for ledger in self._replicas.values()),
                *(load_of(ledger, leaving=True) for ledger in self._leaving.values()),
            ),
            waiting=len(self._queue),
            waiting_slots=self._queue.slots(max(1, self._largest)),
            requests=self._requests,
            corrections={kind.value: self._corrections[kind] for kind in Correction},
        )

    def _dispatch(self, now: float) -> list[Decision]:
        """Grants slots for as long as a waiting request fits somewhere."""
        decisions: list[Decision] = []
        self._turns.bound = self._reserve.bound(now) if self._limits.reserve else None
        if not self._clocks.serving:  # An event then costs the same however many wait.
            return decisions
        if now >= self._permit.until:
            return decisions
        while step := self._turns.next():
            waiting, replica = step
            self._queue.remove(waiting, served_at=now)
            waited = now - waiting.since
            decisions.append(self._grant(waiting.ask, replica, waiting.matches, waited, now))
        return decisions

    def _grant(
        self, ask: Ask, replica: Ledger, matches: Mapping[str, Match], waited: float, now: float
    ) -> Grant:
        slots = cost(ask.slots, replica)
        lease = Lease(next(self._lease_ids), ask.tenant, slots, now, replica, blocks=ask.blocks)
        self._leases[lease.id] = lease
        replica.take(lease)
        if slots:
            self._tenants.use(ask.tenant, slots)
        match = matches.get(replica.replica) if matches else None
        if match is None or not match.own:
            self._novel += 1
            replica.novel = self._novel
        if ask.blocks:
            self._index.add(replica.replica, ask.blocks)
        hit = match.cached / length(ask.blocks) if match else 0.0
        return Grant(ask.id, lease.id, replica.replica, hit, waited, replica.echoes)

    def _end(self, lease: Lease, ending: Ending, now: float) -> list[Decision]:
        ledger = lease.ledger
        freed = ledger.end(lease, ending, now)
        if ledger in self._leaving:
            freed = True  # No poll will show it again.
            if not ledger.live:
                del self._leaving[ledger]
        if not freed:
            return []
        if lease.held:
            self._unuse(lease.tenant, lease.held, now)
        return self._dispatch(now) if self._queue else []

    def _unuse(self, tenant: str | None, slots: int, now: float) -> None:
        if tenant is not None:
            self._tenants.use(tenant, -slots, now)
            if self._limits.reserve:
                self._reserve.active(tenant, now)

    def _refuse(self, waiting: Waiting, reason: Reason, limit: float, now: float) -> Refusal:
        retry = self._retry_after(now)
        self._queue.remove(waiting)
        return Refusal(waiting.ask.id, reason, retry, limit)

    def _fitting(self, ask: Ask) -> Ask:
        """Returns the request, for a whole replica if divisible and larger than any replica."""
        too_large = ask.divisible and self._replicas and ask.slots > self._largest
        return ask._replace(slots=WHOLE, divisible=False) if too_large else ask

    def _impossible(self, ask_id: int, lane: Lane, now: float) -> Refusal | None:
        """Returns a refusal if none of the existing replicas can ever serve such a request."""
        if not self._replicas:
            return None
        if lane.slots > self._largest:
            return Refusal(ask_id, Reason.TOO_MANY_SLOTS, 0, self._largest)
        if len(lane.avoid) == len(self._replicas):
            return Refusal(ask_id, Reason.NO_REPLICA, self._retry_after(now), 0)
        return None

    def _push_out(self, newcomer: Waiting, now: float) -> list[Decision]:
        """Refuses one request of a queue that is over its bound by one.

        That is the newcomer, unless another tenant has more requests waiting: then its latest.
        """
        own = self._tenants.named(newcomer.ask.tenant)
        crowd = self._tenants.most_waiting()
        fewer = (own.bounded, own.in_use) < (crowd.bounded, crowd.in_use)
        victim = self._queue.youngest(crowd.name) if fewer else newcomer
        return [
            self._refuse(victim, Reason.QUEUE_FULL, self._limits.max_requests, now),
            *self._dispatch(now),
        ]

    def _trim(self, now: float) -> list[Decision]:
        """Refuses requests beyond the queue's bound: the latest of the tenant with the most."""
        decisions: list[Decision] = []
        most = self._limits.max_requests
        while self._queue.bounded > most:
            youngest = self._queue.youngest(self._tenants.most_waiting().name)
            decisions.append(self._refuse(youngest, Reason.QUEUE_FULL, most, now))
        return decisions

    def _replicas_changed(self, now: float) -> list[Decision]:
        self._largest = max((ledger.total for ledger in self._replicas.values()), default=0)
        serving = any(ledger.usable for ledger in self._replicas.values())
        self._clocks.switch(serving, now)
        decisions: list[Decision] = []
        for waiting in [waiting for waiting in self._queue if waiting.ask.divisible]:
            waiting.ask = self._fitting(waiting.ask)
            if waiting.ask.slots != waiting.lane.slots:
                self._queue.change_lane(waiting, waiting.lane._replace(slots=waiting.ask.slots))
        hopeless = {lane for lane in self._queue.lanes if self._impossible(0, lane, now)}
        for waiting in [waiting for waiting in self._queue if waiting.lane in hopeless]:
            if refusal := self._impossible(waiting.ask.id, waiting.lane, now):
                self._queue.remove(waiting)
                decisions.append(refusal)
        return decisions + self._dispatch(now)

    def _retry_after(self, now: float) -> int:
        """Returns the seconds until the last request that waits now is likely to be served."""
        if not self._clocks.serving:
            return COLD_RETRY
        usable = (ledger for ledger in self._replicas.values() if ledger.usable)
        granted = (lease.granted for lease in self._leases.values())
        place = self._queue.slots(max(1, self._largest))
        return self._forecast.retry_after(usable, granted, place, now)
