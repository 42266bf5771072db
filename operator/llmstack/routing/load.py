"""How loaded is a model at this moment?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

VERSION = 1
"""Of what the gateway tells on /load and the operator reads; another one when a field's meaning
changes."""
STREAM = "application/x-ndjson"
"""Whoever accepts this gets a line at each change."""


class ReplicaState(StrEnum):
    """What may a replica get? Only a ready one gets new requests."""

    READY = "ready"
    DRAINING = "draining"
    WEDGED = "wedged"


@dataclass(frozen=True, slots=True)
class ReplicaLoad:
    """The slots of one replica.

    busy: of live leases. draining: of ended ones that may still compute. foreign: used by others.
    overlap: taken beyond those that there are; so many requests may be deferred inside it.
    """

    id: str
    state: ReplicaState
    total: int
    busy: int
    draining: int
    foreign: int
    overlap: int


@dataclass(frozen=True, slots=True)
class Load:
    """All of a model. Slots are those of all replicas, `total` and `ready` of the ready ones.

    `waiting_slots` is what the requests that wait would take at once. Since the start are counted
    `requests`, whatever became of them, and `corrections`, by kind.
    """

    replicas: tuple[ReplicaLoad, ...] = ()
    waiting: int = 0
    waiting_slots: int = 0
    requests: int = 0
    corrections: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> int:
        """Replicas that get new requests."""
        return sum(replica.state is ReplicaState.READY for replica in self.replicas)

    @property
    def total(self) -> int:
        """Slots of the ready replicas."""
        return sum(r.total for r in self.replicas if r.state is ReplicaState.READY)

    @property
    def busy(self) -> int:
        """Slots of live leases."""
        return sum(replica.busy for replica in self.replicas)

    @property
    def draining(self) -> int:
        """Slots of ended leases that may still compute."""
        return sum(replica.draining for replica in self.replicas)

    @property
    def foreign(self) -> int:
        """Slots that others use."""
        return sum(replica.foreign for replica in self.replicas)

    @property
    def overlap(self) -> int:
        """Requests that may be deferred inside a replica."""
        return sum(replica.overlap for replica in self.replicas)
