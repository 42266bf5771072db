"""What is said between a request and the owner of its model's slots?

    request ── Ask ──> owner ── Grant | Refusal ──> request ── release(lease, Ending) ──> owner

Only plain values: an owner in another process can be spoken to in the same words.
Times are seconds of one monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NO_SLOTS = 0
"""As a cost: none (tokenising). Beside all slots, few at once at each replica (aside.py)."""
WHOLE = -1
"""As a cost: all slots of a replica, however many it has."""


class Ask(NamedTuple):
    """What does a request want?

    `slots` is how many slots of one replica it takes at once, NO_SLOTS or WHOLE. `blocks` are the
    cumulative hashes of its prompt's blocks, first block first (routing/affinity.py). `avoid` names
    replicas that have failed it already: a request that asks again keeps its `arrived`, and so its
    turn. `divisible`: if it wants more than any replica has, it takes a whole one, and the rest of
    it waits inside. `spent`: seconds that it has waited at other owners.
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
    """Which replica serves it? The lease ends with exactly one release.

    `hit` is the share of its prompt, 0 to 1, that the replica is believed to have cached.
    With `echoes` the replica shows which leases it works for: a lease whose client has left may be
    released at once.
    """

    ask: int
    lease: int
    replica: str
    hit: float
    waited: float
    echoes: bool = False


class Reason(StrEnum):
    """Why is a request not served?"""

    QUEUE_FULL = "queue_full"
    SLOT_TIMEOUT = "slot_timeout"
    NO_REPLICA = "no_replica"
    CANNOT_START = "cannot_start"
    TOO_MANY_SLOTS = "too_many_slots"
    MODEL_GONE = "model_gone"


def reason_of(said: str) -> Reason:
    """Why not, as another gateway says, which may be newer: one that may come again if unknown."""
    return Reason(said) if said in set(Reason) else Reason.NO_REPLICA


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and after how many seconds may it come again? `limit` as the reason needs it.

    QUEUE_FULL: requests that may wait. TOO_MANY_SLOTS: slots of the largest replica. SLOT_TIMEOUT,
    NO_REPLICA: seconds it was allowed to wait; NO_REPLICA with 0: all that there are failed it.
    """

    ask: int
    reason: Reason
    retry_after: int = 0
    limit: float = 0


class Ending(StrEnum):
    """How did the use of a lease end?

    DONE: the whole answer came, the slots are idle. CANCELLED: the client left. FAILED: the
    replica's connection broke. After the last two the slots may still compute: they are given out
    again when `/slots` shows them idle.
    """

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


def ending_of(said: str) -> Ending:
    """How a lease ended, as another gateway says, which may be newer: FAILED if it is unknown."""
    return Ending(said) if said in set(Ending) else Ending.FAILED
