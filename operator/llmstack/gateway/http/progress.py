"""Do bytes move fast enough? Judged by their average pace: a slow line may take its time."""


class Progress:
    """A credit of seconds: time takes of it, bytes bring it back, each as a fast enough sender's.

    credit   seconds in which nothing need move; there is never more of it than at the beginning
    rate     bytes a second that keep the credit as it is
    """

    __slots__ = ("_credit", "_looked", "_most", "_rate", "_seen")

    def __init__(self, credit: float, rate: int, now: float, seen: int) -> None:
        self._most = self._credit = credit
        self._rate = rate
        self._looked = now
        self._seen = seen

    def resume(self, now: float, seen: int) -> None:
        """Time counts again, from now on."""
        self._looked, self._seen = now, seen

    def is_late(self, now: float, seen: int) -> bool:
        """Whether the credit is used up, now that so many bytes have moved in all."""
        gained = max(0, seen - self._seen) / self._rate
        self._credit = min(self._most, self._credit - (now - self._looked) + gained)
        self._looked, self._seen = now, seen
        return self._credit < 0
