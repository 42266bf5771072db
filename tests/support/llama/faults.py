"""What does the fake server do wrong when a test asks for it?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Death(StrEnum):
    """When does a request's connection break? AFTER: when `events` events have been sent."""

    BEFORE = "before the first byte"
    DURING = "in the middle of the head"
    AFTER = "after the first byte"
    GARBAGE = "after bytes that are no HTTP"


@dataclass
class Faults:
    """What happens to requests that compute; all may be changed while the server runs.

    The next `times` of them die. `hang_slots`: /slots is never answered. `unhealthy`: /health says
    503. `deaf`: connections are taken, and nothing is answered at all. `deadly`: a body with this
    text ends the server as if it were killed, before it has answered.
    """

    death: Death | None = None
    times: int = 1
    events: int = 1
    hang_slots: bool = False
    unhealthy: bool = False
    deaf: bool = False
    deadly: str = ""

    def next_death(self) -> Death | None:
        """How does this request die? Counts it."""
        if self.death is None or self.times < 1:
            return None
        self.times -= 1
        return self.death
