"""How loaded is a model at this moment?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

VERSION = 1
"""Version of the /load document that the gateway serves and the operator reads; raised when the
meaning of a field changes."""
STREAM = "application/x-ndjson"
"""Media type of the stream: a client that accepts it gets one line per change."""


class ReplicaState(StrEnum):
    """The state of a replica. Only a ready replica gets new requests."""

    READY = "ready"
    DRAINING = "draining"
    WEDGED = "wedged"


@dataclass(frozen=True, slots=True)
class ReplicaLoad:
    """The slots of one replica.

    `busy`: held by live leases. `draining`: of ended leases that may still compute. `foreign`: busy
    without a lease that the owner knows. `overlap`: taken beyond `total`; that many requests may be
    deferred inside the replica.
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
    """The load of one model.

    Slots are summed over all replicas, but `total` and `ready` count ready replicas only.
    `waiting_slots` is the number of slots that all queued requests together would take. `requests`
    (with any outcome) and `corrections` (by kind) are counted since the process started.
    """

    replicas: tuple[ReplicaLoad, ...] = ()
    waiting: int = 0
    waiting_slots: int = 0
    requests: int = 0
    corrections: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> int:
        """The number of replicas that get new requests."""
        return sum(replica.state is ReplicaState.READY for replica in self.replicas)

    @property
    def total(self) -> int:
        """Slots of the ready replicas."""
        return sum(r.total for r in self.replicas if r.state is ReplicaState.READY)

    @property
    def busy(self) -> int:
        """Slots held by live leases."""
        return sum(replica.busy for replica in self.replicas)

    @property
    def draining(self) -> int:
        """Slots of ended leases that may still compute."""
        return sum(replica.draining for replica in self.replicas)

    @property
    def foreign(self) -> int:
        """Slots that are busy without a lease that the owner knows."""
        return sum(replica.foreign for replica in self.replicas)

    @property
    def overlap(self) -> int:
        """Requests that may be deferred inside a replica."""
        return sum(replica.overlap for replica in self.replicas)
