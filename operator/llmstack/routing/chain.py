"""Which blocks of a prompt are named, and how?

    a block           BLOCK bytes, or the rest of a part; the n-th ends at the same byte of all
                      prompts that begin alike
    its name          n, and the hash of everything up to its end
    which are named   the FIRST, the last 2 * DENSE, and before these every second for DENSE blocks'
                      names, then every fourth, …: some hundred, however long the prompt is

Whatever a longer version of a prompt names of what both have is named of the shorter one, too: so a
conversation that goes on finds its last turn, and misses the less of it, the less has been added.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

BLOCK = 512
"""Bytes; about 128 tokens."""
DENSE = 64
FIRST = 8
TAIL = 256
"""The last bytes of a body are no beginning of a longer one: the JSON's end is among them."""
_HASH_BITS = 64


def blocks(key: bytes, *parts: bytes | bytearray | memoryview) -> tuple[int, ...]:
    """The chain of a prompt, the same in every process.

    `key` is what else must agree for a cache to be of use: model, adapter, tenant. One part is a
    text of unknown end; of several, each ends a block (messages: chains part where they do).
    """
    views = [memoryview(part) for part in parts]
    if len(views) == 1:
        usable = (len(views[0]) - TAIL) // BLOCK * BLOCK
        views = [views[0][: max(0, usable)]]
    counts = [-(-len(view) // BLOCK) for view in views]
    named = iter(named_of(sum(counts)))
    number = next(named, 0)
    digest, chain, before = blake2b(key, digest_size=_HASH_BITS // 8), [], 0
    for view, count in zip(views, counts, strict=True):
        start = 0
        while before < number <= before + count:
            end = (number - before) * BLOCK
            digest.update(view[start:end])
            chain.append(number << _HASH_BITS | int.from_bytes(digest.digest(), "big"))
            start, number = end, next(named, 0)
        digest.update(view[start:])
        before += count
    return tuple(chain)


def length(chain: Sequence[int], named: int | None = None) -> int:
    """How many blocks a prompt has up to the end of so many that are named, or of all of them."""
    named = len(chain) if named is None else named
    return chain[named - 1] >> _HASH_BITS or named if named else 0


@lru_cache(1024)
def named_of(count: int) -> tuple[int, ...]:
    """Which blocks of so many are named, first block first."""
    ranges = [range(max(1, count - 2 * DENSE + 1), count + 1)]
    step = 2
    while (first := ranges[-1].start) > 1:
        least = max(1, count - 2 * DENSE * step + 1)
        ranges.append(range(-(-least // step) * step, first, step))
        if least == 1:
            break
        step *= 2
    named = {number for numbers in ranges for number in numbers}
    return tuple(sorted(named | set(range(1, min(FIRST, count) + 1))))
