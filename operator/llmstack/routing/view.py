"""Which gateways are there, and which of them owns a model's queue and ledger?

view    the members that one gateway counts on, named by a hash: two gateways that name the same
        view agree about everything that follows from it
owner   by rendezvous hashing: each member has a score for each model, the highest owns it. A
        member that comes takes only what it then owns, and one that goes leaves only that.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_REMEMBERED = 65536
_SEPARATOR = b"\0"


class Member(NamedTuple):
    """One process of the gateway.

    `name` is where its peers reach it, host:port. `epoch` tells the process from an earlier one of
    the same name. `owning`: it may own models; one that is about to stop does not.
    """

    name: str
    epoch: str
    owning: bool = True


class View:
    """Some members. Immutable; two of the same members have the same `id`."""

    __slots__ = ("_owners", "id", "members")

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = frozenset(members)
        owning = sorted(member.name for member in self.members if member.owning)
        # Where all are about to stop, they still have requests to serve.
        self._owners = tuple(owning or sorted(member.name for member in self.members))
        self.id = _id(self.members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self.members == other.members

    def __hash__(self) -> int:
        return hash(self.members)

    def __repr__(self) -> str:
        return f"View({', '.join(sorted(member.name for member in self.members))})"

    def owner(self, model: str) -> str:
        """The name of the member that owns this model."""
        return owner_among(self._owners, model)


@lru_cache(_REMEMBERED)
def owner_among(names: tuple[str, ...], model: str) -> str:
    """Who of these owns a model? Names sorted; there must be one."""
    return max(names, key=lambda name: (_score(name, model), name))


def _score(name: str, model: str) -> bytes:
    return blake2b(name.encode() + _SEPARATOR + model.encode(), digest_size=8).digest()


def _id(members: Iterable[Member]) -> str:
    digest = blake2b(digest_size=8)
    for member in sorted(members):
        digest.update(repr(tuple(member)).encode())
    return digest.hexdigest()
