"""When is the last request of a queue likely to be served? That is what Retry-After says."""

import math
from collections.abc import Iterable

from llmstack.routing.pace import Usual, until_served
from llmstack.routing.slots import Ledger

LONGEST_RETRY = 60
"""The largest Retry-After in seconds."""
_REUSED_SECONDS = 0.05
"""Seconds for which an estimate is reused, since many requests may be refused at once."""


class Forecast:
    """What a model's requests usually take, and when its slots become free."""

    def __init__(self) -> None:
        self._usual = Usual()
        self._frees: list[float] = []
        self._frees_at = float("-inf")

    def ended(self, seconds: float) -> None:
        """Takes how long a request has held its slots."""
        self._usual = self._usual.with_one(seconds)

    def retry_after(
        self, usable: Iterable[Ledger], granted: Iterable[float], place: int, now: float
    ) -> int:
        """Returns the seconds until the slot number `place` in line is likely to be free.

        `granted` is when each live lease was granted: while no request has ended yet, the oldest is
        all that is known of how long one takes.
        """
        if now - self._frees_at >= _REUSED_SECONDS:
            self._frees = [each for ledger in usable for each in ledger.frees(now, self._usual)]
            self._frees_at = now
        seconds = self._usual.seconds or (
            now - min(granted, default=now) + max(self._frees, default=0.0)
        )
        wait = until_served(self._frees, place, seconds)
        return min(LONGEST_RETRY, max(1, math.ceil(wait)))
