"""Which requests wait, and in which order are they considered?

They are kept three times: by id, in order of arrival (budgets end in that order), and by tenant and
lane. A lane holds requests that fit the same replicas, earliest arrival first, so that a thousand
requests that fit nowhere cost no more than one.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import NamedTuple

from llmstack.routing.affinity import Match
from llmstack.routing.fairness import Tenant, Tenants
from llmstack.routing.messages import WHOLE, Ask


class Lane(NamedTuple):
    """What decides where a request fits. `avoid`: existing replicas that have failed it."""

    slots: int
    avoid: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits.

    `since` is when it came, earlier by any time spent at other owners. `clocks` is the reading of
    the model's clocks to count its budgets from. `homes` are the replicas that are the prompt's
    home (affinity.py). `overtaken` is the number of requests behind it that were served before it.
    """

    ask: Ask
    since: float
    clocks: tuple[float, float]
    matches: Mapping[str, Match]
    homes: tuple[str, ...]
    lane: Lane
    overtaken: int = 0

    @property
    def bounded(self) -> bool:
        """True if the queue's bound counts it: one that a replica failed was admitted before."""
        return not self.ask.avoid


_Entry = tuple[float, int, Waiting]
_Lanes = dict[Lane, list[_Entry]]


class Queue:
    """The waiting requests of one model."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._all: dict[int, Waiting] = {}
        self._lanes: dict[str, _Lanes] = {}
        self.lanes: Counter[Lane] = Counter()
        self.bounded = 0

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, tenant: object) -> bool:
        """True if one of this tenant's requests waits."""
        return tenant in self._lanes

    def __iter__(self) -> Iterator[Waiting]:
        """Iterates over the requests in order of arrival."""
        return iter(self._all.values())

    def get(self, ask_id: int) -> Waiting | None:
        return self._all.get(ask_id)

    def oldest(self) -> Waiting | None:
        """Returns the request that came first, or None if none waits."""
        return next(iter(self._all.values()), None)

    def slots(self, whole: int) -> int:
        """Returns the slots that all requests need; `whole` is the size of a whole replica."""
        return sum(
            number * (whole if lane.slots == WHOLE else lane.slots)
            for lane, number in self.lanes.items()
        )

    def add(self, waiting: Waiting) -> None:
        """Adds a request."""
        self._all[waiting.ask.id] = waiting
        self._enter(waiting)
        self.bounded += waiting.bounded
        self._tenants.comes(waiting.ask.tenant, waiting.ask.arrived, waiting.bounded)

    def remove(self, waiting: Waiting, served_at: float | None = None) -> None:
        """Removes a request, granted at `served_at`, or None if it leaves ungranted."""
        del self._all[waiting.ask.id]
        self._exit(waiting)
        self.bounded -= waiting.bounded
        self._tenants.goes(waiting.ask.tenant, waiting.bounded, served_at)

    def change_lane(self, waiting: Waiting, lane: Lane) -> None:
        """Moves a request, which fits other replicas now, to another lane. It keeps its turn."""
        self._exit(waiting)
        waiting.lane = lane
        self._enter(waiting)

    def first(self) -> Waiting:
        """Returns the request whose turn it is, whether or not it fits. The queue has one."""
        return self.earliest(next(iter(self._tenants)).name)

    def earliest(self, tenant: str) -> Waiting:
        """Returns the tenant's earliest request. It must have one."""
        return min(entries[0] for entries in self._lanes[tenant].values())[2]

    def in_turn(
        self, lanes: Container[Lane], may: Callable[[str, Lane], bool]
    ) -> Iterator[tuple[Tenant, Waiting]]:
        """Iterates over the requests in these lanes: tenants by turn, then requests by arrival.

        `may` says whether a tenant may have slots for a request of a lane now.
        """
        for tenant in self._tenants:
            own = self._lanes[tenant.name]
            entries = [own[lane] for lane in own if lane in lanes and may(tenant.name, lane)]
            for _, _, waiting in entries[0] if len(entries) == 1 else merge(*entries):
                yield tenant, waiting

    def youngest(self, tenant: str) -> Waiting:
        """Returns the tenant's latest request that the bound counts. It must have one."""
        latest = (
            next((entry for entry in reversed(entries) if entry[2].bounded), None)
            for entries in self._lanes[tenant].values()
        )
        return max(entry for entry in latest if entry is not None)[2]

    def _enter(self, waiting: Waiting) -> None:
        ask = waiting.ask
        entries = self._lanes.setdefault(ask.tenant, {}).setdefault(waiting.lane, [])
        insort(entries, (ask.arrived, ask.id, waiting))
        self.lanes[waiting.lane] += 1

    def _exit(self, waiting: Waiting) -> None:
        ask, lanes = waiting.ask, self._lanes[waiting.ask.tenant]
        entries = lanes[waiting.lane]
        del entries[bisect_left(entries, (ask.arrived, ask.id))]
        if not entries:
            del lanes[waiting.lane]
            if not lanes:
                del self._lanes[ask.tenant]
        self.lanes[waiting.lane] -= 1
        if not self.lanes[waiting.lane]:
            del self.lanes[waiting.lane]
