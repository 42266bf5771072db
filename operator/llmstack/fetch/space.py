"""Is there room in the cache for what is still to come?"""

import time
from collections.abc import Sequence

from llmstack.fetch.cache import Cache
from llmstack.fetch.faults import cache_full, free_space
from llmstack.fetch.partial import remove_abandoned
from llmstack.models.plan import needed_space

_ABANDONED_SECONDS = 3600.0


def require_space(cache: Cache, files: Sequence[tuple[int, int]]) -> None:
    """Raises FetchError unless these files, each (size, bytes already there), find room.

    Partials that nobody continued make room first.
    """
    needed = needed_space(files)
    if _lacks(cache, needed):
        remove_abandoned(cache.partials, "*", before=time.time() - _ABANDONED_SECONDS)
    if _lacks(cache, needed):
        raise cache_full(cache.root, needed)


def _lacks(cache: Cache, needed: int) -> bool:
    """False where the file system does not tell what is free: the download will show."""
    free = free_space(cache.root)
    return free is not None and needed > free
