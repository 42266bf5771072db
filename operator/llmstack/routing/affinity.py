"""Which replica has a prompt's beginning in its cache?

A prompt is a chain of blocks, each named by the hash of everything up to its end. An index
remembers for each replica the blocks of the prompts it was given. Two things look alike:
    a conversation goes on      its chain is a longer version of one that is known: it is at home
    a common beginning          chains part after it (a system prompt): at home nowhere, since
                                sending all of them to one replica would only make them wait
Of a long chain few blocks are named (chain.py), the fewer the farther they are from its end.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from llmstack.routing.chain import BLOCK, TAIL, blocks, length

__all__ = ["BLOCK", "REMEMBERED", "TAIL", "Index", "Match", "blocks"]

REMEMBERED = 8192
"""Blocks kept for each replica, in about 2 MB of memory: 4 MiB of text in short chains, or twenty
chains of 1 MiB that share nothing."""


@dataclass(frozen=True, slots=True)
class Match:
    """How many of a prompt's blocks does a replica have, and how many of them for it alone?"""

    cached: int
    own: int


NOTHING = Match(0, 0)


@dataclass(slots=True)
class _Cache:
    """What one replica was given.

    `limit`: how many blocks it is believed to keep. `reach` tells of a block how long the chain was
    that came through it last. Touching a chain from its end to its beginning keeps it sound: what
    is forgotten first is the end.
    """

    limit: int = REMEMBERED
    reach: OrderedDict[int, int] = field(default_factory=OrderedDict)
    parted: set[int] = field(default_factory=set)  # chains parted after it, once
    common: set[int] = field(default_factory=set)  # twice: shared with all blocks before it

    def match(self, chain: Sequence[int]) -> Match:
        known = _known(chain, self.reach, len(chain))
        if not known:
            return NOTHING
        cached = length(chain, known)
        if self._parts(chain, known):
            again = chain[known - 1] in self.parted
            if again or 2 * cached < length(chain):
                return Match(cached, 0)
        return Match(cached, cached - length(chain, _known(chain, self.common, known)))

    def add(self, chain: Sequence[int]) -> None:
        known = _known(chain, self.reach, len(chain))
        if known and self._parts(chain, known):
            last = chain[known - 1]
            if last in self.parted:
                self.common.update(chain[:known])
            self.parted.add(last)
        end = max(length(chain), self.reach.get(chain[-1], 0))
        for block in reversed(chain):
            self.reach[block] = end
            self.reach.move_to_end(block)
        self._trim(max(self.limit, len(chain)))

    def learn(self, chain: Sequence[int], hit: bool) -> None:
        if hit:
            self.limit = min(REMEMBERED, self.limit + len(chain))
        else:
            self.limit = max(len(chain), len(self.reach) // 2)
            self._trim(self.limit)

    def _trim(self, size: int) -> None:
        while len(self.reach) > min(size, REMEMBERED):
            block, _ = self.reach.popitem(last=False)
            self.parted.discard(block)
            self.common.discard(block)

    def _parts(self, chain: Sequence[int], known: int) -> bool:
        """Is the known chain another one from here on, or the whole prompt known already?"""
        if known == len(chain):
            return True
        return self.reach[chain[known - 1]] >= length(chain, known + 1)


class Index:
    """The caches of a model's replicas."""

    def __init__(self) -> None:
        self._caches: dict[str, _Cache] = {}

    def matches(self, chain: Sequence[int]) -> dict[str, Match]:
        """What each replica has of it; replicas that have nothing are left out."""
        found = {}
        for replica, cache in self._caches.items():
            match = cache.match(chain)
            if match.cached:
                found[replica] = match
        return found

    def add(self, replica: str, chain: Sequence[int]) -> None:
        """The replica is about to compute it."""
        if chain:
            cache = self._caches.get(replica)
            if cache is None:
                cache = self._caches[replica] = _Cache()
            cache.add(chain)

    def learn(self, replica: str, chain: Sequence[int], hit: bool) -> None:
        """Whether the replica had cached any of a prompt of which it was believed to.

        If not, it keeps less than is remembered: the older half is forgotten, and until it is
        known better no more is remembered than the rest.
        """
        cache = self._caches.get(replica)
        if cache is not None and chain:
            cache.learn(chain, hit)

    def forget(self, replica: str) -> None:
        """Its cache is gone."""
        self._caches.pop(replica, None)

    def __len__(self) -> int:
        return sum(len(cache.reach) for cache in self._caches.values())


def _known(chain: Sequence[int], blocks: Collection[int], end: int) -> int:
    """How many of its first blocks end with one that is known? Of long chains some in between are
    not: another chain that came this way named others.
    """
    if not end or chain[0] not in blocks:
        return 0
    while chain[end - 1] not in blocks:
        end -= 1
    return end
