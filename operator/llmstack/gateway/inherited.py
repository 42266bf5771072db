"""Which leases and prompts of other owners wait here until their replica is up?

A gateway that becomes the owner of a model hears from the others what they hold. The model's
replicas are not known yet at that moment: their first poll comes later.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from llmstack.routing.slots import Lease, Ledger

Replica = tuple[str, str]
"""A model's id and one of its replicas."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A lease granted by another owner. `granted` is a time of this process's clock.

    `slots` is as the request asked for them.
    """

    id: int
    model: str
    replica: str
    tenant: str
    slots: int
    granted: float
    answered: bool = False
    blocks: tuple[int, ...] = ()

    def lease(self, ledger: Ledger) -> Lease:
        """Returns it as a lease of its replica's ledger."""
        lease = Lease(
            self.id,
            self.tenant,
            self.slots,
            self.granted,
            ledger,
            answered=self.answered,
            blocks=self.blocks,
        )
        if self.answered:
            lease.begun = self.granted
        return lease


@dataclass(slots=True)
class Waiting:
    """What waits for one replica: live leases, ended ones in doubt, and prompts it was sent."""

    live: dict[int, Adopted] = field(default_factory=dict)
    doubted: dict[int, Adopted] = field(default_factory=dict)
    routed: list[tuple[int, ...]] = field(default_factory=list)


class Inherited:
    """What waits, by replica."""

    def __init__(self) -> None:
        self._waiting: dict[Replica, Waiting] = {}

    def adopt(self, adopted: Adopted) -> None:
        """Keeps a live lease."""
        self._at(adopted).live[adopted.id] = adopted

    def doubt(self, adopted: Adopted) -> None:
        """Keeps a lease that has ended, but whose replica may still compute."""
        self._at(adopted).doubted[adopted.id] = adopted

    def disown(self, adopted: Adopted) -> None:
        """Drops a live lease that ended before its replica was up."""
        waiting = self._waiting.get((adopted.model, adopted.replica))
        if waiting is not None:
            waiting.live.pop(adopted.id, None)

    def routed(self, model: str, replica: str, blocks: tuple[int, ...]) -> None:
        """Keeps a prompt's chain of blocks."""
        self._waiting.setdefault((model, replica), Waiting()).routed.append(blocks)

    def take(self, model: str, replica: str) -> Waiting:
        """Returns what waited for this replica, and keeps it no longer."""
        return self._waiting.pop((model, replica), Waiting())

    def forget(self, models: Collection[str]) -> None:
        """Drops everything of these models."""
        for key in [key for key in self._waiting if key[0] in models]:
            del self._waiting[key]

    def _at(self, adopted: Adopted) -> Waiting:
        return self._waiting.setdefault((adopted.model, adopted.replica), Waiting())
