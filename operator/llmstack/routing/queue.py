"""Who waits, and in which order are they looked at?

Kept three times over: by id, in the order in which they came (their budgets end in it), and by
tenant and lane. A lane holds requests that fit the same replicas, the earliest arrival first: so a
thousand that fit nowhere cost no more than one.
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
    """What decides where a request fits? `avoid`: replicas that failed it and are still there."""

    slots: int
    avoid: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits.

    `clocks`: how those of its model stood when it came. `overtaken`: how many that were behind it
    have been served before it.
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
        """Does the queue's bound count it? One that a replica failed has been admitted before."""
        return not self.ask.avoid


_Entry = tuple[float, int, Waiting]
_Lanes = dict[Lane, list[_Entry]]


class Queue:
    """The requests of one model that wait."""

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
        """In the order in which they came."""
        return iter(self._all.values())

    def get(self, ask_id: int) -> Waiting | None:
        return self._all.get(ask_id)

    def oldest(self) -> Waiting | None:
        """Who came first?"""
        return next(iter(self._all.values()), None)

    def slots(self, whole: int) -> int:
        """Slots that are waited for; `whole`: how many a whole replica has."""
        return sum(
            number * (whole if lane.slots == WHOLE else lane.slots)
            for lane, number in self.lanes.items()
        )

    def add(self, waiting: Waiting) -> None:
        """It waits from now on."""
        self._all[waiting.ask.id] = waiting
        self._enter(waiting)
        self.bounded += waiting.bounded
        self._tenants.comes(waiting.ask.tenant, waiting.ask.arrived, waiting.bounded)

    def remove(self, waiting: Waiting, served_at: float | None = None) -> None:
        """It waits no longer: it is served, or leaves (None)."""
        del self._all[waiting.ask.id]
        self._exit(waiting)
        self.bounded -= waiting.bounded
        self._tenants.goes(waiting.ask.tenant, waiting.bounded, served_at)

    def change_lane(self, waiting: Waiting, lane: Lane) -> None:
        """It fits elsewhere now; its place stays."""
        self._exit(waiting)
        waiting.lane = lane
        self._enter(waiting)

    def first(self) -> Waiting:
        """Whose turn is it, whether or not it fits?"""
        return self.earliest(next(iter(self._tenants)).name)

    def earliest(self, tenant: str) -> Waiting:
        """Its first arrival; there must be one."""
        return min(entries[0] for entries in self._lanes[tenant].values())[2]

    def in_turn(
        self, lanes: Container[Lane], may: Callable[[str, Lane], bool]
    ) -> Iterator[tuple[Tenant, Waiting]]:
        """Those in these lanes: tenants by their turns, each one's requests by arrival.

        `may`: can this tenant have slots for such a request now?
        """
        for tenant in self._tenants:
            own = self._lanes[tenant.name]
            entries = [own[lane] for lane in own if lane in lanes and may(tenant.name, lane)]
            for _, _, waiting in entries[0] if len(entries) == 1 else merge(*entries):
                yield tenant, waiting

    def youngest(self, tenant: str) -> Waiting:
        """Its latest arrival of those that the bound counts; there must be one."""
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
