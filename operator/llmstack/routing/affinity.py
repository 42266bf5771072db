"""Which replica has a prompt's beginning in its cache?

A prompt is a chain of blocks, each named by the hash of everything up to its end. An index
remembers for each replica the blocks of the prompts it was given. Two things look alike:
    a conversation goes on      its chain is a longer version of one that is known: it is at home
    a common beginning          chains part after it (a system prompt): at home nowhere, since
                                sending all of them to one replica would only make them wait
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

BLOCK = 512
"""Bytes; about 128 tokens."""
MAX_BLOCKS = 128
TAIL = 256
"""The last bytes of a body are no beginning of a longer one: the JSON's end is among them."""
REMEMBERED = 4096
"""Blocks kept for each replica: 2 MiB of text in about 1 MB of memory, more than a cache holds."""
_END = 0


def blocks(key: bytes, *parts: bytes | memoryview) -> tuple[int, ...]:
    """The chain of a prompt, the same in every process.

    `key` is what else must agree for a cache to be of use: model, adapter, tenant. One part is a
    text of unknown end; of several, each ends a block (messages: chains part where they do).
    """
    digest = blake2b(key, digest_size=8)
    if len(parts) == 1:
        usable = (len(parts[0]) - TAIL) // BLOCK * BLOCK
        parts = (parts[0][: max(0, usable)],)
    chain: list[int] = []
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), BLOCK):
            digest.update(view[start : start + BLOCK])
            chain.append(int.from_bytes(digest.digest(), "big") or 1)
            if len(chain) == MAX_BLOCKS:
                return tuple(chain)
    return tuple(chain)


@dataclass(frozen=True, slots=True)
class Match:
    """How many of a prompt's blocks does a replica have, and how many of them for it alone?"""

    cached: int
    own: int


NOTHING = Match(0, 0)


@dataclass(slots=True)
class _Cache:
    """What one replica was given.

    `following` maps a block to the one that came after it last. Touching a chain from its end to
    its beginning keeps it closed: while a block is remembered, so are all before it.
    """

    following: OrderedDict[int, int] = field(default_factory=OrderedDict)
    parted: set[int] = field(default_factory=set)  # chains parted after it, once
    common: set[int] = field(default_factory=set)  # twice: shared with all blocks before it

    def match(self, chain: Sequence[int]) -> Match:
        following = self.following
        if not chain or chain[0] not in following:
            return NOTHING
        cached = _reach(chain, following, len(chain))
        if self._parts(chain, cached):
            again = chain[cached - 1] in self.parted
            if again or 2 * cached < len(chain):
                return Match(cached, 0)
        return Match(cached, cached - _reach(chain, self.common, cached))

    def add(self, chain: Sequence[int]) -> None:
        cached = _reach(chain, self.following, len(chain))
        if cached and self._parts(chain, cached):
            last = chain[cached - 1]
            if last in self.parted:
                self.common.update(chain[:cached])
            self.parted.add(last)
        following = _END
        for place in range(len(chain) - 1, -1, -1):
            block = chain[place]
            if place < len(chain) - 1 or block not in self.following:
                self.following[block] = following
            self.following.move_to_end(block)
            following = block
        while len(self.following) > REMEMBERED:
            block, _ = self.following.popitem(last=False)
            self.parted.discard(block)
            self.common.discard(block)

    def _parts(self, chain: Sequence[int], cached: int) -> bool:
        """Is the known chain another one from here on, or the whole prompt known already?"""
        if cached == len(chain):
            return True
        return self.following[chain[cached - 1]] not in (_END, chain[cached])


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

    def forget(self, replica: str) -> None:
        """Its cache is gone."""
        self._caches.pop(replica, None)

    def __len__(self) -> int:
        return sum(len(cache.following) for cache in self._caches.values())


def _reach(chain: Sequence[int], known: OrderedDict[int, int] | set[int], end: int) -> int:
    """How many blocks from the beginning are known? Whatever is known is so with all before it."""
    start = 0
    while start < end:
        middle = (start + end) // 2
        if chain[middle] in known:
            start = middle + 1
        else:
            end = middle
    return start
