"""Has a server stopped computing though it still accepts connections?

`/slots` is answered from the inference queue, so a long prefill delays it: silence alone proves
nothing. Silence of `/slots` and of every stream, for `wedge_seconds`, does.

    asked ──(no answer, no byte for wedge_seconds)──> wedged ──answered──> well
"""

from dataclasses import dataclass

NEVER = float("-inf")


@dataclass(slots=True)
class Wedge:
    """What is known of one replica. Times are seconds of one monotonic clock."""

    wedge_seconds: float
    wedged: bool = False
    _unanswered: float | None = None
    _last_byte: float = NEVER

    def asked(self, now: float) -> None:
        """A poll of `/slots` was sent. The silence began with the first that got no answer."""
        if self._unanswered is None:
            self._unanswered = now

    def answered(self) -> None:
        """A poll of `/slots` got a good answer: whatever was, it computes."""
        self._unanswered = None
        self.wedged = False

    def byte(self, now: float) -> None:
        """One of its streams said something. Alone it does not end a quarantine."""
        self._last_byte = max(self._last_byte, now)

    def check(self, now: float) -> bool:
        """Is it wedged? Once it is, only an answer ends it."""
        if self._unanswered is not None:
            silent_since = max(self._unanswered, self._last_byte)
            self.wedged = self.wedged or now - silent_since >= self.wedge_seconds
        return self.wedged
