"""Who is connected without a request that is served? They make room for those who come.

Connections between two requests, and those of which a head has come in part. The oldest go first: a
head usually comes at once, and one that is sent again was not served in part.
"""

from typing import Protocol


class Guest(Protocol):
    """One such connection."""

    def evict(self) -> None:
        """Ends it; it leaves the lobby by that."""
        ...


class Lobby:
    """Those that wait, each kind in the order in which it came. `most` bytes of heads are held."""

    __slots__ = ("_idle", "_most", "_reading", "held")

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0
        self._idle: dict[Guest, None] = {}
        self._reading: dict[Guest, int] = {}

    def idles(self, guest: Guest) -> None:
        """It has sent nothing."""
        self._idle[guest] = None

    def reads(self, guest: Guest, size: int) -> None:
        """So many bytes of its head are held; the oldest go if that is too much in all."""
        self._idle.pop(guest, None)
        self.held += size - self._reading.get(guest, 0)
        self._reading[guest] = size
        while self.held > self._most:
            next(iter(self._reading)).evict()

    def leave(self, guest: Guest) -> None:
        """It is served, or gone."""
        if guest in self._idle:
            del self._idle[guest]
        else:
            self.held -= self._reading.pop(guest, 0)

    def make_room(self) -> bool:
        """Ends the connection that is the least likely to be missed. False: there is none."""
        guest = next(iter(self._reading), None) or next(iter(self._idle), None)
        if guest is None:
            return False
        guest.evict()
        return True
