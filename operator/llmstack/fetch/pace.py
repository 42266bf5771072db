"""Does a connection get on? One that trickles is no better than a silent one.

Only time spent waiting for the server counts: a disk that is slow is not the server's fault.
"""

from dataclasses import dataclass


@dataclass
class Pace:
    """Judges one connection: at least `floor` bytes a second, over `window` seconds of waiting."""

    floor: float
    window: float
    waited: float = 0.0
    received: int = 0

    def too_slow(self, received: int, waited: float) -> bool:
        """Count what came after so many seconds. True when a window passed below the floor."""
        self.received += received
        self.waited += waited
        if self.waited < self.window:
            return False
        slow = self.received < self.floor * self.waited
        if not slow:
            self.received, self.waited = 0, 0.0
        return slow

    @property
    def bytes_per_second(self) -> float:
        """What came in this window."""
        return self.received / self.waited if self.waited else 0.0
