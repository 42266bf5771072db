"""Has a server stopped computing although it still accepts connections?

`/slots` is answered from the inference queue, so a long prefill delays it: its silence alone proves
nothing. A server is wedged once `/slots` and all streams have been silent for `wedge_seconds`.

    asked ──(no answer, no byte for wedge_seconds)──> wedged ──answered──> well
"""

from dataclasses import dataclass

NEVER = float("-inf")


@dataclass(slots=True)
class Wedge:
    """Whether one replica is wedged. Times are seconds of one monotonic clock."""

    wedge_seconds: float
    wedged: bool = False
    _unanswered: float | None = None
    _last_byte: float = NEVER

    def asked(self, now: float) -> None:
        """Records that a poll was sent. Silence counts from the first unanswered poll."""
        if self._unanswered is None:
            self._unanswered = now

    def answered(self) -> None:
        """Records a good answer to a poll: the replica computes."""
        self._unanswered = None
        self.wedged = False

    def byte(self, now: float) -> None:
        """Records a byte on one of the replica's streams. That alone does not end a quarantine."""
        self._last_byte = max(self._last_byte, now)

    def check(self, now: float) -> bool:
        """Returns True if the replica is wedged. It stays so until a poll is answered."""
        if self._unanswered is not None:
            silent_since = max(self._unanswered, self._last_byte)
            self.wedged = self.wedged or now - silent_since >= self.wedge_seconds
        return self.wedged
