"""Who is served next, and where? Whoever fits, in the order of turns, but for two exceptions.

    at home elsewhere    A request whose prompt a busy replica has cached lets others of equal right
                         go first: it is served sooner, all in all, when that replica is free.
    too big              A request that fits nowhere is overtaken by those that do.

Both end when it has been overtaken `patience` times: then it is served at the first chance, and if
it is too big for one, a replica is reserved for it, one for each model at a time. A slot is never
left idle while anyone waits who may use it: where all are at home elsewhere, the first is served.

With a bound (reserve.py) a tenant that would hold more is passed over. A request of its own that is
larger than the bound lets the tenant's others go first, but for the same patience only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llmstack.routing.chain import length
from llmstack.routing.choose import best, cost, fits
from llmstack.routing.fairness import Tenants
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.routing.queue import Lane, Queue, Waiting
from llmstack.routing.slots import Ledger

PATIENCE = 2
"""Turns of all slots of the model: about so many service times."""
LEAST_PATIENCE = 8
WINDOW = 64
"""Requests that are looked at to find one that is at home."""

Replicas = Mapping[str, Ledger]


@dataclass(frozen=True, slots=True)
class Reservation:
    """All free slots of this replica are kept for this request."""

    waiting: Waiting
    replica: Ledger


class Turns:
    """Decides who is next. Keeps nothing but the one reservation.

    `bound`: the most slots that one tenant may hold; None: as many as there are.
    """

    def __init__(self, queue: Queue, replicas: Replicas, tenants: Tenants) -> None:
        self._queue = queue
        self._replicas = replicas
        self._tenants = tenants
        self.reservation: Reservation | None = None
        self.bound: int | None = None

    def next(self) -> tuple[Waiting, Ledger] | None:
        """The request to serve and its replica; None if nobody who waits fits anywhere."""
        self._drop_reservation()
        if not self._queue:
            return None
        kept = self.reservation
        if kept and fits(kept.waiting.lane.slots, kept.replica) and self._may_go(kept.waiting):
            return kept.waiting, kept.replica
        fitting = self._fitting()
        if fitting and self._reserve(fitting):
            fitting = self._fitting()
        if not fitting:
            return None
        waiting = self._choose(fitting)
        if waiting is None:
            return None
        lane = waiting.lane
        free = self.free_for(lane, waiting.ask.tenant) if not lane.slots else fitting[lane]
        replica = best(free, waiting.matches, length(waiting.ask.blocks))
        return (waiting, replica) if replica else None

    def free_for(self, lane: Lane, tenant: str | None = None) -> list[Ledger]:
        """Replicas that can serve such a request at once; with None, of some tenant."""
        slots = lane.slots
        replicas = self._replicas.values()
        if slots > 0:  # what fits() says, for nearly all requests
            free = [r for r in replicas if r.free >= slots and r.usable]
        else:
            free = [r for r in replicas if fits(slots, r)]
        if slots == NO_SLOTS:
            free = [r for r in free if r.aside.room(tenant)]
        kept = self.reservation.replica if self.reservation and slots != NO_SLOTS else None
        if free and (kept or lane.avoid):
            free = [r for r in free if r is not kept and r.replica not in lane.avoid]
        return free

    def may(self, tenant: str, lane: Lane) -> bool:
        """True if the bounds let this tenant have such a request served."""
        if lane.slots == NO_SLOTS:
            return bool(self.free_for(lane, tenant))
        if self.bound is None:
            return True
        return self._within(tenant, lane) and not self._makes_room(tenant, lane)

    def patience(self) -> int:
        """How often may one be overtaken?"""
        slots = sum(replica.total for replica in self._replicas.values() if replica.usable)
        return max(LEAST_PATIENCE, PATIENCE * slots)

    def _fitting(self) -> dict[Lane, list[Ledger]]:
        """The lanes whose requests can be served now."""
        return {lane: free for lane in self._queue.lanes if (free := self.free_for(lane))}

    def _within(self, tenant: str, lane: Lane) -> bool:
        """True where it would hold no more than the bound, or nothing else."""
        in_use, slots = self._tenants.in_use(tenant), lane.slots
        if slots == WHOLE:
            slots = max((r.total for r in self._replicas.values() if r.usable), default=0)
        return self.bound is None or not in_use or in_use + slots <= self.bound

    def _makes_room(self, tenant: str, lane: Lane) -> bool:
        """True where a request of its own that came before has been overtaken often enough."""
        if tenant not in self._queue:
            return False
        own = self._queue.earliest(tenant)
        late = own.overtaken >= self.patience()
        return late and own.lane != lane and not self._within(tenant, own.lane)

    def _may_go(self, waiting: Waiting) -> bool:
        return self.may(waiting.ask.tenant, waiting.lane)

    def _choose(self, fitting: Mapping[Lane, list[Ledger]]) -> Waiting | None:
        """The first who fits and is not better off elsewhere; else the first who fits."""
        patience = self.patience()
        passed: list[Waiting] = []
        chosen: Waiting | None = None
        in_use: int | None = None
        for tenant, waiting in self._queue.in_turn(fitting, self.may):
            in_use = tenant.in_use if in_use is None else in_use
            if tenant.in_use > in_use or len(passed) == WINDOW:
                break
            if waiting.overtaken >= patience or not self._waits_for_home(
                waiting, fitting[waiting.lane]
            ):
                chosen = waiting
                break
            passed.append(waiting)
        if chosen is None:
            return passed[0] if passed else None
        first = self._queue.first()
        able = first.lane in fitting and self._may_go(first)
        for other in passed if able else (*passed, first):
            other.overtaken += 1
        return chosen

    def _waits_for_home(self, waiting: Waiting, free: Iterable[Ledger]) -> bool:
        """Has a replica its prompt that could serve it, but not now?"""
        if not waiting.homes or any(replica.replica in waiting.homes for replica in free):
            return False
        return any(
            home in self._replicas
            and self._replicas[home].usable
            and home not in waiting.lane.avoid
            for home in waiting.homes
        )

    def _reserve(self, fitting: Mapping[Lane, list[Ledger]]) -> bool:
        """Keeps a replica for the one whose turn it is, if it was overtaken too often."""
        first = self._queue.first()
        if self.reservation or first.lane in fitting or first.overtaken < self.patience():
            return False
        lane = first.lane
        if lane.slots == NO_SLOTS or not self._may_go(first):
            return False
        able = [r for r in self._replicas.values() if _able(lane, r)]
        if able:
            replica = min(able, key=lambda r: (r.foreign > 0, cost(lane.slots, r) - r.free))
            self.reservation = Reservation(first, replica)
        return bool(able)

    def _drop_reservation(self) -> None:
        """It ends with its request, and when its replica can no longer serve that."""
        kept = self.reservation
        if kept and not (
            self._queue.get(kept.waiting.ask.id) is kept.waiting
            and self._replicas.get(kept.replica.replica) is kept.replica
            and _able(kept.waiting.lane, kept.replica)
        ):
            self.reservation = None


def _able(lane: Lane, replica: Ledger) -> bool:
    """Could it serve such a request if it were idle?"""
    return (
        replica.usable
        and replica.replica not in lane.avoid
        and replica.total >= cost(lane.slots, replica)
    )
