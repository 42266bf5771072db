"""Which replica serves a request best? Filter, score in [0, 1], pick.

    the prompt's home (affinity.py)   3/4 to 1, by the share of the prompt that is cached
    any other replica                 0 to 3/4: half of it for idle slots, half for a common
                                      beginning that is cached, more the longer it is
Of replicas with equal scores the one with more idle slots wins, then the one that has gone longest
without a new conversation.
"""

from collections.abc import Iterable, Mapping

from llmstack.routing.affinity import NOTHING, Match
from llmstack.routing.lease import Account
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.routing.slots import Ledger

HOME = 0.75
"""The lowest score of a replica that is the prompt's home."""
LONG = 16
"""Blocks: a cached common beginning of this length is worth as much as half of the slots idle."""


def cost(slots: int, replica: Account) -> int:
    """Returns how many of this replica's slots a request takes. `slots` may be WHOLE."""
    return replica.total if slots == WHOLE else slots


def fits(slots: int, replica: Ledger) -> bool:
    """True if the replica gets new requests and has enough free slots now."""
    if slots == NO_SLOTS:
        return replica.usable
    return replica.usable and replica.free >= cost(slots, replica) > 0


def score(idle: float, match: Match, length: int) -> float:
    """Returns how well a replica suits a prompt, in [0, 1].

    `idle` is the idle share of its slots; `length` is the prompt's length in blocks.
    """
    if match.own:
        return HOME + (1 - HOME) * match.cached / length
    return HOME * (idle + match.cached / (match.cached + LONG)) / 2


def best(replicas: Iterable[Ledger], matches: Mapping[str, Match], length: int) -> Ledger | None:
    """Returns the replica with the best score, or None if there are no replicas."""
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
    """Does the same if no replica has any of the prompt: only idle slots count. Kept fast."""
    top: Ledger | None = None
    top_idle, top_novel = -1.0, 0
    for replica in replicas:
        idle = replica.free / replica.total if replica.free > 0 else 0.0
        if idle > top_idle or (idle == top_idle and replica.novel < top_novel):
            top, top_idle, top_novel = replica, idle, replica.novel
    return top
