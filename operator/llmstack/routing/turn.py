"""Which request is served next, and where? The first in turn that fits, with two exceptions.

    at home elsewhere    A request whose prompt is cached by a busy replica lets requests of tenants
                         with as few slots go first: waiting for that replica serves it sooner.
    too big              A request that fits nowhere is overtaken by requests that fit.

Both end once the request has been overtaken `patience` times. It is then served at the first
chance, and if it is too big for one, a replica is reserved for it (one per model at a time). A slot
is never left idle while a waiting request may use it: if all are at home elsewhere, the first is
served.

With a bound (reserve.py), a tenant that would hold more than the bound is passed over. A request
larger than the bound lets other requests of its tenant go first, with the same limit on patience.
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
"""Times that a request may be overtaken, per slot of the model: about two service times."""
LEAST_PATIENCE = 8
"""Times that a request may be overtaken, however few slots the model has."""
WINDOW = 64
"""Requests at most that are passed over in search of one that need not wait for its home."""

Replicas = Mapping[str, Ledger]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A replica whose free slots are all kept for one request."""

    waiting: Waiting
    replica: Ledger


class Turns:
    """Decides which request is next. Its only state is the reservation.

    `bound` is the largest number of slots that one tenant may hold, or None for no limit.
    """

    def __init__(self, queue: Queue, replicas: Replicas, tenants: Tenants) -> None:
        self._queue = queue
        self._replicas = replicas
        self._tenants = tenants
        self.reservation: Reservation | None = None
        self.bound: int | None = None

    def next(self) -> tuple[Waiting, Ledger] | None:
        """Returns the request to serve and its replica, or None if nothing that waits fits."""
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
        """Returns replicas that can serve such a request now. `tenant` None means any tenant."""
        slots = lane.slots
        replicas = self._replicas.values()
        if slots > 0:  # the same as fits(), inlined for nearly all requests
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
        """True if the bounds allow serving such a request of this tenant now."""
        if lane.slots == NO_SLOTS:
            return bool(self.free_for(lane, tenant))
        if self.bound is None:
            return True
        return self._within(tenant, lane) and not self._makes_room(tenant, lane)

    def patience(self) -> int:
        """Returns how many times a request may be overtaken."""
        slots = sum(replica.total for replica in self._replicas.values() if replica.usable)
        return max(LEAST_PATIENCE, PATIENCE * slots)

    def _fitting(self) -> dict[Lane, list[Ledger]]:
        """Returns the lanes whose requests can be served now, each with its free replicas."""
        return {lane: free for lane in self._queue.lanes if (free := self.free_for(lane))}

    def _within(self, tenant: str, lane: Lane) -> bool:
        """True if the tenant would stay within the bound, or holds nothing yet."""
        in_use, slots = self._tenants.in_use(tenant), lane.slots
        if slots == WHOLE:
            slots = max((r.total for r in self._replicas.values() if r.usable), default=0)
        return self.bound is None or not in_use or in_use + slots <= self.bound

    def _makes_room(self, tenant: str, lane: Lane) -> bool:
        """True if the tenant has an earlier, larger request that has been overtaken enough."""
        if tenant not in self._queue:
            return False
        own = self._queue.earliest(tenant)
        late = own.overtaken >= self.patience()
        return late and own.lane != lane and not self._within(tenant, own.lane)

    def _may_go(self, waiting: Waiting) -> bool:
        return self.may(waiting.ask.tenant, waiting.lane)

    def _choose(self, fitting: Mapping[Lane, list[Ledger]]) -> Waiting | None:
        """Returns the first request that fits and need not wait for its home, else the first."""
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
        """True if the prompt's home could serve the request, but not now."""
        if not waiting.homes or any(replica.replica in waiting.homes for replica in free):
            return False
        return any(
            home in self._replicas
            and self._replicas[home].usable
            and home not in waiting.lane.avoid
            for home in waiting.homes
        )

    def _reserve(self, fitting: Mapping[Lane, list[Ledger]]) -> bool:
        """Reserves a replica for a first request overtaken too often. Returns True if it did."""
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
        """Ends the reservation if its request is gone or its replica can no longer serve it."""
        kept = self.reservation
        if kept and not (
            self._queue.get(kept.waiting.ask.id) is kept.waiting
            and self._replicas.get(kept.replica.replica) is kept.replica
            and _able(kept.waiting.lane, kept.replica)
        ):
            self.reservation = None


def _able(lane: Lane, replica: Ledger) -> bool:
    """True if the replica could serve such a request if it were idle."""
    return (
        replica.usable
        and replica.replica not in lane.avoid
        and replica.total >= cost(lane.slots, replica)
    )
