"""Which blocks of a prompt are named, and how?

    a block           BLOCK bytes, or the rest of a part. The n-th block ends at the same byte in
                      all prompts that begin alike.
    its name          n, and the hash of everything up to its end
    named blocks      the first FIRST and the last 2 * DENSE; before these every second block, for
                      DENSE names, then every fourth, and so on: a few hundred, however long the
                      prompt is

Within the text that two versions of a prompt share, the shorter version names every block that the
longer one names. So a conversation that continues is matched close to its last turn: the less was
added, the closer.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

BLOCK = 512
"""Bytes; about 128 tokens."""
DENSE = 64
"""Names per step at which the distance between named blocks doubles."""
FIRST = 8
"""Blocks at the beginning that are always named."""
TAIL = 256
"""Bytes at the end of a body that are ignored: the end of the JSON never begins a longer prompt."""
_HASH_BITS = 64


def blocks(key: bytes, *parts: bytes | bytearray | memoryview) -> tuple[int, ...]:
    """Returns the chain of a prompt; it is the same in every process.

    `key` holds everything else that must agree for a cache to be useful: model, adapter, tenant. A
    single part is text whose end may change, so TAIL bytes are left out. If there are several parts
    (messages), each ends a block, so that chains diverge where messages do.
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
    """Returns the prompt's length in blocks up to its `named`-th named one (None: the last)."""
    named = len(chain) if named is None else named
    return chain[named - 1] >> _HASH_BITS or named if named else 0


@lru_cache(1024)
def named_of(count: int) -> tuple[int, ...]:
    """Returns the numbers of the named blocks in a prompt of `count` blocks, in ascending order."""
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
