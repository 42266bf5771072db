"""How fast does a replica decode?

Each busy slot gets `SPEED / (1 + SLOWER × (busy - 1))` tokens a second: one more sequence makes all
of them slower, and the sum of them faster, as batched decoding does.
"""

from dataclasses import dataclass, field

SPEED = 30.0
SLOWER = 0.1
_DONE = 1e-6


@dataclass
class Replica:
    """One pod: it loads, serves, drains, and is gone. Times in seconds of the virtual clock."""

    name: str
    slots: int
    created: float
    ready: bool = False
    leaving: bool = False
    left: dict[int, float] = field(default_factory=dict)
    """Tokens yet to decode, by lease."""
    plan: int = 0
    """Counts what changed: a finish foreseen under an earlier plan is none."""
    _at: float = 0.0

    def begin(self, lease: int, work: float, now: float) -> None:
        """A slot is taken."""
        self._advance(now)
        self.left[lease] = work

    def finish(self, now: float) -> int | None:
        """Which lease ends now? One at a time."""
        self._advance(now)
        lease = min(self.left, key=self.left.__getitem__)
        if self.left[lease] > _DONE:
            return None
        del self.left[lease]
        return lease

    def next_finish(self) -> float | None:
        """When does the next lease end, as things stand? None: nothing runs."""
        if not self.left:
            return None
        return self._at + min(self.left.values()) / self._speed()

    def _advance(self, now: float) -> None:
        if self.left:
            decoded = (now - self._at) * self._speed()
            for lease in self.left:
                self.left[lease] = max(0.0, self.left[lease] - decoded)
        self._at = now
        self.plan += 1

    def _speed(self) -> float:
        return SPEED / (1 + SLOWER * (len(self.left) - 1))
