"""What do this gateway's own requests hold, and what have they held until lately?

When the view changes, the new owner of a model learns this from a State.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from llmstack.gateway.inherited import Adopted
from llmstack.routing.messages import Ask, Ending
from llmstack.routing.peer_messages import HeldLease, pack

_ROUTED = 2048
"""Prompts whose replica is remembered, for a later owner."""
_RECENT_SECONDS = 5.0
"""Seconds for which an ended lease may still compute before a poll of a new owner has shown it."""
_MOST_ENDED = 4096
"""Ended leases that are remembered at most."""

Theirs = Callable[[str], bool]
"""Returns whether a model belongs to the gateway that is told."""


@dataclass(slots=True)
class Held:
    """A lease held by a request of this gateway. `doubts` is Peering.doubts at the grant."""

    ask: Ask
    replica: str
    granted: float
    doubts: int
    answered: bool = False


class Own:
    """Held leases by id, leases that ended lately, and where prompts went."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.held: dict[int, Held] = {}
        self._clock = clock
        self._ended: deque[tuple[float, int, Held]] = deque(maxlen=_MOST_ENDED)
        self._routed: OrderedDict[tuple[str, str, int], tuple[int, ...]] = OrderedDict()

    def hold(self, lease: int, ask: Ask, replica: str, doubts: int) -> None:
        """Records that a request of this gateway holds slots now."""
        self.held[lease] = Held(ask, replica, self._clock(), doubts)
        if ask.blocks:
            key = ask.model, replica, ask.blocks[0]
            self._routed[key] = ask.blocks
            self._routed.move_to_end(key)
            if len(self._routed) > _ROUTED:
                self._routed.popitem(last=False)

    def end(self, lease: int, ending: Ending) -> Held:
        """Removes a lease that has ended, and returns it."""
        held = self.held.pop(lease)
        if ending is not Ending.DONE:
            self._ended.append((self._clock(), lease, held))
        return held

    def leases(self, theirs: Theirs) -> tuple[HeldLease, ...]:
        """Returns the leases of their models: held ones, and ended ones that may still compute."""
        now = self._clock()
        held = [
            _told(lease, each, now) for lease, each in self.held.items() if theirs(each.ask.model)
        ]
        ended = [_told(lease, each, now) for lease, each in self._ended_lately(theirs)]
        return (*held, *(replace(each, ended=True) for each in ended))

    def held_of(self, theirs: Theirs) -> list[Adopted]:
        """Returns the held leases of their models, for an owner in this process to adopt."""
        return [adopted(*each) for each in self.held.items() if theirs(each[1].ask.model)]

    def ended_of(self, theirs: Theirs) -> list[Adopted]:
        """Returns the leases of their models that ended lately."""
        return [adopted(*each) for each in self._ended_lately(theirs)]

    def routed_of(self, theirs: Theirs) -> list[tuple[str, str, tuple[int, ...]]]:
        """Returns model, replica and blocks of the prompts for their models, oldest first."""
        return [
            (model, replica, blocks)
            for (model, replica, _), blocks in self._routed.items()
            if theirs(model)
        ]

    def _ended_lately(self, theirs: Theirs) -> Iterable[tuple[int, Held]]:
        now = self._clock()
        for at, lease, held in self._ended:
            if now - at < _RECENT_SECONDS and theirs(held.ask.model):
                yield lease, held


def adopted(lease: int, held: Held) -> Adopted:
    """Returns the lease in the form that an owner in this process adopts."""
    ask = held.ask
    return Adopted(
        lease,
        ask.model,
        held.replica,
        ask.tenant,
        ask.slots,
        held.granted,
        held.answered,
        ask.blocks,
    )


def _told(lease: int, held: Held, now: float) -> HeldLease:
    ask = held.ask
    return HeldLease(
        lease,
        ask.model,
        held.replica,
        ask.tenant,
        ask.slots,
        now - held.granted,
        held.answered,
        pack(ask.blocks),
    )
