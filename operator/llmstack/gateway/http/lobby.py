"""Which connections have no request in service? They are closed to make room for new ones.

These are connections between two requests, and connections with part of a head. The oldest go
first: a head usually comes at once, and a client may send it again, since nothing was served yet.
"""

from typing import Protocol


class Guest(Protocol):
    """A connection without a request in service."""

    def evict(self) -> None:
        """Ends the connection, which thereby leaves the lobby."""
        ...


class Lobby:
    """The guests of each kind, oldest first. `most` is the bytes of heads held in all."""

    __slots__ = ("_idle", "_most", "_reading", "held")

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0
        self._idle: dict[Guest, None] = {}
        self._reading: dict[Guest, int] = {}

    def idles(self, guest: Guest) -> None:
        """Adds a connection that has sent nothing of its next request."""
        self._idle[guest] = None

    def reads(self, guest: Guest, size: int) -> None:
        """Records the bytes held of a head, and evicts the oldest if the sum is too large."""
        self._idle.pop(guest, None)
        self.held += size - self._reading.get(guest, 0)
        self._reading[guest] = size
        while self.held > self._most:
            next(iter(self._reading)).evict()

    def leave(self, guest: Guest) -> None:
        """Removes a connection whose request is served, or that has ended."""
        if guest in self._idle:
            del self._idle[guest]
        else:
            self.held -= self._reading.pop(guest, 0)

    def make_room(self) -> bool:
        """Evicts the oldest connection with part of a head, else the oldest idle one.

        Returns False if there is none.
        """
        guest = next(iter(self._reading), None) or next(iter(self._idle), None)
        if guest is None:
            return False
        guest.evict()
        return True
