"""What do a request and the owner of its model's slots say to each other?

    request ── Ask ──> owner ── Grant | Refusal ──> request ── release(lease, Ending) ──> owner

All values are plain, so that the owner may be another process. Times are seconds of one monotonic
clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NO_SLOTS = 0
"""Cost of a request that takes no slot (tokenising). A replica runs only a few (aside.py)."""
WHOLE = -1
"""Cost of a request that takes all slots of a replica, however many it has."""


class Ask(NamedTuple):
    """A request for slots.

    `slots` is the number of slots of one replica that it takes at once, NO_SLOTS or WHOLE. `blocks`
    are the cumulative hashes of its prompt's blocks, first block first (routing/affinity.py).
    `avoid` names replicas that have failed it: a request that asks again keeps its `arrived`, and
    with it its turn. If `divisible`, a request that wants more slots than any replica has takes a
    whole replica, and the rest of it waits inside. `spent` is the number of seconds that it has
    waited at other owners.
    """

    id: int
    model: str
    tenant: str
    slots: int
    blocks: tuple[int, ...]
    arrived: float
    avoid: frozenset[str] = frozenset()
    divisible: bool = False
    spent: float = 0.0


class Grant(NamedTuple):
    """The replica that serves a request. The lease must be released exactly once.

    `hit` is the share of its prompt, 0 to 1, that the replica is believed to have cached. `waited`
    is in seconds. If `echoes`, the replica shows which leases it works for, so the lease of a
    client that has left may be released at once.
    """

    ask: int
    lease: int
    replica: str
    hit: float
    waited: float
    echoes: bool = False


class Reason(StrEnum):
    """Why a request is not served."""

    QUEUE_FULL = "queue_full"
    SLOT_TIMEOUT = "slot_timeout"
    NO_REPLICA = "no_replica"
    CANNOT_START = "cannot_start"
    TOO_MANY_SLOTS = "too_many_slots"
    MODEL_GONE = "model_gone"


def reason_of(said: str) -> Reason:
    """Returns the reason named by another gateway.

    That gateway may be newer: an unknown reason becomes NO_REPLICA, after which a client may retry.
    """
    return Reason(said) if said in set(Reason) else Reason.NO_REPLICA


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served, and the seconds after which it may retry.

    `limit` depends on the reason. QUEUE_FULL: requests that may wait. TOO_MANY_SLOTS: slots of the
    largest replica. SLOT_TIMEOUT, NO_REPLICA: seconds that it was allowed to wait; NO_REPLICA with
    0: all existing replicas have failed it.
    """

    ask: int
    reason: Reason
    retry_after: int = 0
    limit: float = 0


class Ending(StrEnum):
    """How the use of a lease ended.

    DONE: the response is complete and the slots are idle. CANCELLED: the client left. FAILED: the
    connection to the replica broke. After CANCELLED and FAILED the slots may still compute; they
    are granted again once `/slots` shows them idle.
    """

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


def ending_of(said: str) -> Ending:
    """Returns the ending named by another gateway: FAILED if unknown, as it may be newer."""
    return Ending(said) if said in set(Ending) else Ending.FAILED
