"""How long has a request waited, with replicas and without?

The time without any replica counts against the cold-start budget, the rest against the budget for a
slot. Both clocks belong to the model; a request remembers how they stood when it came. So the one
that came first is the first whose budget ends, whichever it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests may wait, and for how many seconds.

    `reserve`: one tenant may not hold the slots that others need who were active lately
    (reserve.py).
    """

    max_requests: int = 100
    timeout: float = 60.0
    cold_start_timeout: float = 600.0
    reserve: bool = False


class Clocks:
    """Seconds with and without a replica. Only one of them runs."""

    __slots__ = ("_at", "_served", "_unserved", "serving")

    def __init__(self, now: float) -> None:
        self.serving = False
        self._at = now
        self._served = 0.0
        self._unserved = 0.0

    def read(self, now: float) -> tuple[float, float]:
        """(seconds with a replica, seconds without one)."""
        passed = max(0.0, now - self._at)
        if self.serving:
            return self._served + passed, self._unserved
        return self._served, self._unserved + passed

    def began(self, now: float, spent: float) -> tuple[float, float]:
        """The reading of a request that has waited so long elsewhere: as things stand now."""
        served, unserved = self.read(now)
        return (served - spent, unserved) if self.serving else (served, unserved - spent)

    def switch(self, serving: bool, now: float) -> None:
        """From now on there is a replica, or none."""
        if serving != self.serving:
            self._served, self._unserved = self.read(now)
            self._at = max(self._at, now)
            self.serving = serving

    def ends(self, start: tuple[float, float], limits: Limits) -> float:
        """When does the budget end that began at this reading, as things stand?"""
        if self.serving:
            return self._at + limits.timeout - (self._served - start[0])
        return self._at + limits.cold_start_timeout - (self._unserved - start[1])
