"""How long until something missing is looked for again? Pure: the caller passes the time."""


class Pause:
    """A pause that doubles each time, from `first` to `limit` seconds, until end() resets it."""

    def __init__(self, first: float, limit: float) -> None:
        self._first = first
        self._limit = limit
        self._next = first
        self._until = 0.0
        self.waits = False

    def begin(self, now: float, first: float | None = None) -> None:
        """Starts the pause before the next look. `first` replaces its length once."""
        self.waits = True
        if first is not None:
            self._until = now + first
            return
        self._until = now + self._next
        self._next = min(2 * self._next, self._limit)

    def end(self) -> None:
        """Resets the pause, because nothing is missing any more."""
        self.waits, self._next = False, self._first

    def left(self, now: float) -> float:
        """Returns the seconds until the next look; 0 if it is due."""
        return max(self._until - now, 0.0)
