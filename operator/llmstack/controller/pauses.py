"""How long until one looks again for what is not there yet? Pure: the caller brings the time."""


class Pause:
    """A wait that doubles each time, from `first` to `limit` seconds; it ends when all is well."""

    def __init__(self, first: float, limit: float) -> None:
        self._first = first
        self._limit = limit
        self._next = first
        self._until = 0.0
        self.waits = False

    def begin(self, now: float, first: float | None = None) -> None:
        """One has looked: the next look is after a pause. `first` replaces it once."""
        self.waits = True
        if first is not None:
            self._until = now + first
            return
        self._until = now + self._next
        self._next = min(2 * self._next, self._limit)

    def end(self) -> None:
        """All is well: the next wait is the first one again."""
        self.waits, self._next = False, self._first

    def left(self, now: float) -> float:
        """Seconds until the next look; 0 if it is due."""
        return max(self._until - now, 0.0)
