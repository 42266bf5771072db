"""Which replica has the beginning of a prompt in its cache?

A prompt is a chain of blocks, each named by the hash of everything up to its end. For each replica
an index remembers the blocks of the prompts sent to it. It tells two cases apart:
    a conversation continues    its chain extends one that is known: that replica is its home
    a common beginning          several chains diverge after it (a system prompt): it has no home,
                                because sending all of them to one replica would only make them wait
Only some blocks of a long chain are named (chain.py), fewer with the distance from its end.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from llmstack.routing.chain import BLOCK, TAIL, blocks, length

__all__ = ["BLOCK", "REMEMBERED", "TAIL", "Index", "Match", "blocks"]

REMEMBERED = 8192
"""Blocks remembered per replica, in about 2 MB of memory: 4 MiB of text in short chains, or twenty
chains of 1 MiB that share nothing."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a replica is believed to have cached of a prompt, in blocks.

    `own` counts those of the `cached` blocks that other conversations do not share. A replica with
    `own` above 0 is the prompt's home.
    """

    cached: int
    own: int


NOTHING = Match(0, 0)


@dataclass(slots=True)
class _Cache:
    """The prompts that one replica was given.

    `limit` is the number of blocks that it is believed to keep. `reach` maps a block to the length,
    in blocks, of the chain that last came through it. A chain is touched from its end to its
    beginning, so that its end is forgotten first and what remains is still a chain.
    """

    limit: int = REMEMBERED
    reach: OrderedDict[int, int] = field(default_factory=OrderedDict)
    parted: set[int] = field(default_factory=set)  # blocks after which chains diverged once
    common: set[int] = field(default_factory=set)  # after which they did twice, and all before

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
        """True if the known chain goes on differently after `known` blocks, or all is known."""
        if known == len(chain):
            return True
        return self.reach[chain[known - 1]] >= length(chain, known + 1)


class Index:
    """The believed contents of the prefix caches of a model's replicas."""

    def __init__(self) -> None:
        self._caches: dict[str, _Cache] = {}

    def matches(self, chain: Sequence[int]) -> dict[str, Match]:
        """Returns the match per replica, leaving out replicas that have nothing of the chain."""
        found = {}
        for replica, cache in self._caches.items():
            match = cache.match(chain)
            if match.cached:
                found[replica] = match
        return found

    def add(self, replica: str, chain: Sequence[int]) -> None:
        """Records that the replica is about to compute this prompt."""
        if chain:
            cache = self._caches.get(replica)
            if cache is None:
                cache = self._caches[replica] = _Cache()
            cache.add(chain)

    def learn(self, replica: str, chain: Sequence[int], hit: bool) -> None:
        """Records whether the replica had cached any of a prompt that it was believed to have.

        After a miss the older half of its blocks is forgotten, and no more than the rest is
        remembered until later hits raise the limit again.
        """
        cache = self._caches.get(replica)
        if cache is not None and chain:
            cache.learn(chain, hit)

    def forget(self, replica: str) -> None:
        """Forgets a replica whose cache is gone."""
        self._caches.pop(replica, None)

    def __len__(self) -> int:
        return sum(len(cache.reach) for cache in self._caches.values())


def _known(chain: Sequence[int], blocks: Collection[int], end: int) -> int:
    """Returns how many of the first `end` blocks there are up to the last one in `blocks`.

    Returns 0 if the first block is not in `blocks`. Blocks in between may be missing in a long
    chain, because another chain through the same text named other blocks.
    """
    if not end or chain[0] not in blocks:
        return 0
    while chain[end - 1] not in blocks:
        end -= 1
    return end
