"""Do bytes move fast enough? Judged by the average rate, so that a slow line may take its time."""


class Progress:
    """A credit in seconds, used up by time and restored by bytes.

    credit   seconds in which nothing need move; the credit never exceeds this
    rate     bytes per second at which the credit stays as it is
    """

    __slots__ = ("_credit", "_looked", "_most", "_rate", "_seen")

    def __init__(self, credit: float, rate: int, now: float, seen: int) -> None:
        self._most = self._credit = credit
        self._rate = rate
        self._looked = now
        self._seen = seen

    def resume(self, now: float, seen: int) -> None:
        """Starts counting time again from now on."""
        self._looked, self._seen = now, seen

    def is_late(self, now: float, seen: int) -> bool:
        """Returns True if the credit is used up, given the bytes moved in all (`seen`)."""
        gained = max(0, seen - self._seen) / self._rate
        self._credit = min(self._most, self._credit - (now - self._looked) + gained)
        self._looked, self._seen = now, seen
        return self._credit < 0
