"""What the ledger of a replica keeps: leases, slots in doubt, and what a poll showed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from llmstack.routing.pace import Work

if TYPE_CHECKING:
    from llmstack.routing.slots import Ledger

BEGUN_AFTER = 1.0
"""Seconds after its grant from which a lease is taken to have begun though no byte came yet: the
time to send, parse and tokenise a prompt. A first byte proves it earlier."""


class Correction(StrEnum):
    """How a poll and the ledger disagreed."""

    FOREIGN = "foreign"
    """Slots are busy that no lease accounts for."""
    RESIZED = "resized"
    """The replica has another number of slots."""
    OVERBOOKED = "overbooked"
    """More slots are taken than there are: requests may be deferred inside the replica."""
    IDLE = "idle"
    """Leases that have begun compute no more: their clients read slowly, or an end was lost."""
    ASSUMED = "assumed"
    """Slots were freed by rule 3, without proof."""


@dataclass(frozen=True, slots=True)
class SlotsSeen:
    """What one poll of `/slots` showed. `began`: when it was sent; it tells of a moment since.

    `leases`: how many busy slots show each lease of ours, by its id; None where the server does not
    say. `waiting`: leases of ours that have entered the server and of which some task holds no slot
    yet. A lease that enters and gets its slots in between shows in one of them, or in both.
    `work`: what the busy slots have done so far, where the server says so.
    """

    began: float
    total: int
    busy: int
    leases: Mapping[int, int] | None = None
    waiting: frozenset[int] = frozenset()
    work: tuple[Work, ...] = ()


@dataclass(slots=True, eq=False)
class Lease:
    """Slots of one replica in the hands of one request. `begun`: when it surely had begun.

    `slots` is what it was granted, `held` what it still counts for: its replica may be through with
    it before its client has read all. `answered`: its first byte came. `absent`: for how many
    seconds in a row polls have not shown it, None while they do. `blocks`: its prompt's chain.
    """

    id: int
    tenant: str
    slots: int
    granted: float
    ledger: "Ledger"
    begun: float = math.inf
    held: int = -1
    answered: bool = False
    absent: float | None = None
    blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.held < 0:
            self.held = self.slots

    def surely_begun(self) -> float:
        """The moment from which on its replica has begun it for sure."""
        return min(self.begun, self.granted + BEGUN_AFTER)


@dataclass(slots=True, eq=False)
class Doubt:
    """Slots that may be busy though no live lease uses them.

    `tenant` is whose lease it was, None if there was none; `lease` is its id. `since`: polls that
    began later tell of them; a request that was cancelled before its replica began it may begin
    yet. `explained`: for how many polls in a row the live leases could account for all that was
    busy.
    """

    tenant: str | None
    slots: int
    ended: float
    since: float
    lease: int = -1
    explained: int = 0


class Freed(NamedTuple):
    """Slots that a tenant no longer uses; below zero: that it uses after all."""

    tenant: str | None
    slots: int
