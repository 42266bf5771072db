"""How long has a request waited, with a replica and without?

Time without any replica counts against the cold-start budget, the rest against the budget for a
slot. Both clocks belong to the model; a request remembers their reading from when it came. So the
budgets end in the order in which the requests came, whichever of the two budgets it is.
"""

from dataclasses import dataclass

from llmstack.api.scaling import QueueSpec

_DEFAULT = QueueSpec()


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many requests may wait, and for how many seconds.

    `reserve` keeps one tenant from holding the slots that other recently active tenants need
    (reserve.py).
    """

    max_requests: int = _DEFAULT.max_requests
    timeout: float = _DEFAULT.timeout_seconds
    cold_start_timeout: float = _DEFAULT.cold_start_timeout_seconds
    reserve: bool = _DEFAULT.reserve

    @classmethod
    def of(cls, spec: QueueSpec) -> "QueueLimits":
        """The limits that `spec.queue` of an LLMDeployment asks for."""
        return cls(
            spec.max_requests, spec.timeout_seconds, spec.cold_start_timeout_seconds, spec.reserve
        )


DEFAULT_QUEUE = QueueLimits()


class Clocks:
    """Counts the seconds with and without a replica. Only one of the two clocks runs at a time."""

    __slots__ = ("_at", "_served", "_unserved", "serving")

    def __init__(self, now: float) -> None:
        self.serving = False
        self._at = now
        self._served = 0.0
        self._unserved = 0.0

    def read(self, now: float) -> tuple[float, float]:
        """Returns the seconds with a replica and the seconds without one."""
        passed = max(0.0, now - self._at)
        if self.serving:
            return self._served + passed, self._unserved
        return self._served, self._unserved + passed

    def began(self, now: float, spent: float) -> tuple[float, float]:
        """Returns the reading to remember for a request that comes now.

        `spent` is the number of seconds that it has already waited at another owner. They are
        counted on the clock that is running now.
        """
        served, unserved = self.read(now)
        return (served - spent, unserved) if self.serving else (served, unserved - spent)

    def switch(self, serving: bool, now: float) -> None:
        """Records that from now on there is a replica, or none."""
        if serving != self.serving:
            self._served, self._unserved = self.read(now)
            self._at = max(self._at, now)
            self.serving = serving

    def ends(self, start: tuple[float, float], limits: QueueLimits) -> float:
        """Returns when a budget that began at this reading ends, if `serving` stays as it is."""
        if self.serving:
            return self._at + limits.timeout - (self._served - start[0])
        return self._at + limits.cold_start_timeout - (self._unserved - start[1])
