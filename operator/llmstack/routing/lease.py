"""What does the ledger of a replica keep? Leases, slots in doubt, and what a poll showed."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from llmstack.engines.interface import Work
from llmstack.routing.messages import Ending

BEGUN_AFTER = 1.0
"""Seconds after its grant at which a lease counts as begun even without a first byte: the time to
send, parse and tokenise a prompt. A first byte proves it earlier."""


class Correction(StrEnum):
    """The ways in which a poll and the ledger can disagree."""

    FOREIGN = "foreign"
    """Slots are busy that belong to no lease."""
    RESIZED = "resized"
    """The replica's number of slots has changed."""
    OVERBOOKED = "overbooked"
    """More slots are taken than exist, so requests may be deferred inside the replica."""
    IDLE = "idle"
    """Leases that have begun no longer compute: the client reads slowly, or an end was lost."""
    ASSUMED = "assumed"
    """Slots were freed by rule 3 of slots.py, without proof."""


@dataclass(frozen=True, slots=True)
class SlotsSeen:
    """The result of one poll of `/slots`.

    `began` is when the poll was sent; it shows some moment after that. `leases` maps the id of each
    of our leases to the number of busy slots that work for it, or is None if the server does not
    say. `waiting` holds the ids of our leases that have entered the server and have at least one
    task without a slot. A lease that gets its slots while the server answers appears in at least
    one of `leases` and `waiting`. `work` is the progress of the busy slots, empty if the server
    does not report it.
    """

    began: float
    total: int
    busy: int
    leases: Mapping[int, int] | None = None
    waiting: frozenset[int] = frozenset()
    work: tuple[Work, ...] = ()


@dataclass(slots=True, eq=False)
class Lease:
    """Slots of one replica, granted to one request.

    `slots` is the number granted. `held` is the number still counted against the replica: it can
    reach 0 before the client has read everything. `begun` is the earliest time at which the replica
    is known to have begun it, inf if none is known. `answered` is True after the first byte.
    `absent` is the number of seconds for which consecutive polls have not shown the lease, or None
    while they do. `blocks` is the prompt's chain (chain.py).
    """

    id: int
    tenant: str
    slots: int
    granted: float
    ledger: "Account"
    begun: float = math.inf
    held: int = -1
    answered: bool = False
    absent: float | None = None
    blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.held < 0:
            self.held = self.slots

    def surely_begun(self) -> float:
        """Returns the time at which the replica has certainly begun this lease."""
        return min(self.begun, self.granted + BEGUN_AFTER)


@dataclass(slots=True, eq=False)
class Doubt:
    """Slots that may be busy although no live lease uses them.

    `tenant` and `lease` identify the ended lease; `tenant` is None for slots that someone else
    uses. Only polls sent after `since` say something about these slots: a request that was
    cancelled before its replica began it may still begin. `explained` is the number of consecutive
    polls whose busy slots the live leases could account for.
    """

    tenant: str | None
    slots: int
    ended: float
    since: float
    lease: int = -1
    explained: int = 0


class Freed(NamedTuple):
    """A number of slots that a tenant no longer uses. Negative: it uses more than was counted."""

    tenant: str | None
    slots: int


class Account(Protocol):
    """The ledger of a replica (slots.py), as its leases and the judgement of polls see it."""

    replica: str
    total: int
    live: dict[int, Lease]
    doubts: list[Doubt]
    corrections: Counter[Correction]
    looked: float

    @property
    def foreign(self) -> int:
        """Slots that are busy without a lease that the owner knows."""
        ...

    def take(self, lease: Lease) -> None:
        """Adds a lease that was granted."""
        ...

    def hold(self, lease: Lease, slots: int) -> int:
        """Sets how many slots a live lease counts for. Returns how many fewer these are."""
        ...

    def end(self, lease: Lease, ending: Ending, now: float) -> bool:
        """Ends a live lease. Returns True if its slots are free now."""
        ...

    def add_foreign(self, slots: int, began: float) -> None:
        """Records that a poll, sent at `began`, showed this many more slots used by others."""
        ...

    def doubt(self, doubt: Doubt, slots: int) -> int:
        """Sets how many of these slots stay in doubt. Returns how many fewer these are."""
        ...

    def ended_since(self, moment: float, lease: int) -> bool:
        """True if this lease ended at or after `moment`."""
        ...
