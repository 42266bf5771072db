"""Which replica serves a request best? Filter, score in [0, 1], pick.

    at home on it (affinity.py)       3/4 to 1, by the share of the prompt that is cached
    elsewhere                         0 to 3/4: half for its idle slots, half for a common beginning
                                      that it has cached, the more the longer that is
Equals: the one with more idle slots, then the one that began no new conversation for longest.
"""

from collections.abc import Iterable, Mapping

from llmstack.routing.affinity import NOTHING, Match
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.routing.slots import Ledger

HOME = 0.75
LONG = 16
"""Blocks: a common beginning of this length weighs as much as half of the replica being idle."""


def cost(slots: int, replica: Ledger) -> int:
    """How many of this replica's slots would it take?"""
    return replica.total if slots == WHOLE else slots


def fits(slots: int, replica: Ledger) -> bool:
    """May it go there, and are enough slots free now?"""
    if slots == NO_SLOTS:
        return replica.usable
    return replica.usable and replica.free >= cost(slots, replica) > 0


def score(idle: float, match: Match, length: int) -> float:
    """How good is a replica for a prompt? `idle`: share of its slots. `length`: of the chain."""
    if match.own:
        return HOME + (1 - HOME) * match.cached / length
    return HOME * (idle + match.cached / (match.cached + LONG)) / 2


def best(replicas: Iterable[Ledger], matches: Mapping[str, Match], length: int) -> Ledger | None:
    """The best of those that fit; None if there is none."""
    if not matches:
        return _idlest(replicas)
    top: Ledger | None = None
    top_rank = (0.0, 0.0, 0)
    for replica in replicas:
        idle = replica.free / replica.total if replica.free > 0 else 0.0
        match = matches.get(replica.replica, NOTHING)
        rank = (score(idle, match, length), idle, -replica.novel)
        if top is None or rank > top_rank:
            top, top_rank = replica, rank
    return top


def _idlest(replicas: Iterable[Ledger]) -> Ledger | None:
    """The same where no prompt is known: the score is by idle slots alone. Kept fast."""
    top: Ledger | None = None
    top_idle, top_novel = -1.0, 0
    for replica in replicas:
        idle = replica.free / replica.total if replica.free > 0 else 0.0
        if idle > top_idle or (idle == top_idle and replica.novel < top_novel):
            top, top_idle, top_novel = replica, idle, replica.novel
    return top
