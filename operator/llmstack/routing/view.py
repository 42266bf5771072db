"""Which gateways exist, and which of them owns a model's queue and ledger?

view    the set of members that one gateway counts on, identified by a hash. Gateways with the same
        view choose the same owners.
owner   chosen by rendezvous hashing: every member has a score for every model, and the member with
        the highest score owns it. A member that joins takes over only the models it now scores
        highest for; when a member leaves, only its own models move.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_REMEMBERED = 65536
_SEPARATOR = b"\0"


class Member(NamedTuple):
    """One gateway process.

    `name` is the host:port at which its peers reach it. `epoch` distinguishes the process from
    earlier ones with the same name. `owning` is False once it is about to stop: it then owns no
    models.
    """

    name: str
    epoch: str
    owning: bool = True


class View:
    """An immutable set of members. Views with the same members have the same `id`."""

    __slots__ = ("_owners", "id", "members")

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = frozenset(members)
        owning = sorted(member.name for member in self.members if member.owning)
        # If all members are about to stop, they still have requests to serve.
        self._owners = tuple(owning or sorted(member.name for member in self.members))
        self.id = _id(self.members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self.members == other.members

    def __hash__(self) -> int:
        return hash(self.members)

    def __repr__(self) -> str:
        return f"View({', '.join(sorted(member.name for member in self.members))})"

    def owner(self, model: str) -> str:
        """Returns the name of the member that owns this model."""
        return owner_among(self._owners, model)


@lru_cache(_REMEMBERED)
def owner_among(names: tuple[str, ...], model: str) -> str:
    """Returns the name that owns this model. `names` must be sorted and not empty."""
    return max(names, key=lambda name: (_score(name, model), name))


def _score(name: str, model: str) -> bytes:
    return blake2b(name.encode() + _SEPARATOR + model.encode(), digest_size=8).digest()


def _id(members: Iterable[Member]) -> str:
    digest = blake2b(digest_size=8)
    for member in sorted(members):
        digest.update(repr(tuple(member)).encode())
    return digest.hexdigest()
