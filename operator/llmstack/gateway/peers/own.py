"""What do this gateway's own requests hold and wait for, and what have they just held?

Whoever else owns their models is told of it by a State, as soon as the view changes.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from llmstack.gateway.local_owner import Adopted
from llmstack.routing.messages import Ask, Ending
from llmstack.routing.peer_messages import HeldLease, pack

_ROUTED = 2048
"""Prompts of which is remembered where they went, for an owner to come."""
_RECENT_SECONDS = 5.0
"""Leases that ended no longer ago may compute, and no poll of a new owner has shown them yet."""
_MOST_ENDED = 4096

Theirs = Callable[[str], bool]
"""Whether a model belongs to whoever is told."""


@dataclass(slots=True)
class Held:
    """A lease in the hands of a request of this gateway. `doubts`: peering's when it came."""

    ask: Ask
    replica: str
    granted: float
    doubts: int
    answered: bool = False


class Own:
    """Leases by number, those that ended lately, and where prompts went."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.held: dict[int, Held] = {}
        self._clock = clock
        self._ended: deque[tuple[float, int, Held]] = deque(maxlen=_MOST_ENDED)
        self._routed: OrderedDict[tuple[str, str, int], tuple[int, ...]] = OrderedDict()

    def hold(self, lease: int, ask: Ask, replica: str, doubts: int) -> None:
        """A request of this gateway has slots now."""
        self.held[lease] = Held(ask, replica, self._clock(), doubts)
        if ask.blocks:
            key = ask.model, replica, ask.blocks[0]
            self._routed[key] = ask.blocks
            self._routed.move_to_end(key)
            if len(self._routed) > _ROUTED:
                self._routed.popitem(last=False)

    def end(self, lease: int, ending: Ending) -> Held:
        """It has them no more."""
        held = self.held.pop(lease)
        if ending is not Ending.DONE:
            self._ended.append((self._clock(), lease, held))
        return held

    def leases(self, theirs: Theirs) -> tuple[HeldLease, ...]:
        """What is held of their models, and what ended so lately that it may still compute."""
        now = self._clock()
        held = [
            _told(lease, each, now) for lease, each in self.held.items() if theirs(each.ask.model)
        ]
        ended = [_told(lease, each, now) for lease, each in self._ended_lately(theirs)]
        return (*held, *(replace(each, ended=True) for each in ended))

    def held_of(self, theirs: Theirs) -> list[Adopted]:
        """What is held of their models, as an owner of this process adopts it."""
        return [adopted(*each) for each in self.held.items() if theirs(each[1].ask.model)]

    def ended_of(self, theirs: Theirs) -> list[Adopted]:
        """What of their models ended lately."""
        return [adopted(*each) for each in self._ended_lately(theirs)]

    def routed_of(self, theirs: Theirs) -> list[tuple[str, str, tuple[int, ...]]]:
        """Model, replica and blocks of prompts for their models, the oldest first."""
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
    """The lease as an owner of this process adopts it."""
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
