"""Which SHA-256 does a file have? Summed while it arrives: the sum is ready when the file is.

The bytes are read back from the file (from the page cache, if the disk keeps up), so that what is
summed is what was written, the bytes of an earlier, interrupted fetch included.
"""

import hashlib
import threading
from collections.abc import Callable

_PIECE = 2**20


class Summing(threading.Thread):
    """Follows a growing prefix of a file.

    `read_into(buffer, offset)` reads what is there, `prefix()` says how far that is.
    """

    def __init__(
        self, read_into: Callable[[memoryview, int], int], prefix: Callable[[], int], total: int
    ) -> None:
        super().__init__(name="sha256", daemon=True)
        self._read_into = read_into
        self._prefix = prefix
        self._total = total
        self._sum = hashlib.sha256()
        self._given_up = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """What goes wrong is kept for the thread that asks for the sum."""
        try:
            self._follow()
        except BaseException as error:
            self.error = error

    def _follow(self) -> None:
        buffer = memoryview(bytearray(_PIECE))
        position = 0
        while position < self._total and not self._given_up.is_set():
            limit = min(self._prefix(), self._total)
            if position == limit:
                self._given_up.wait(0.02)
            while position < limit and not self._given_up.is_set():
                count = self._read_into(buffer[: limit - position], position)
                if not count:
                    raise OSError(f"the file ends at byte {position} of {self._total}")
                self._sum.update(buffer[:count])
                position += count

    def give_up(self) -> None:
        """Nobody will ask for the sum."""
        self._given_up.set()

    def hexdigest(self) -> str:
        """The sum. Raises what went wrong while reading. Only after the thread has ended."""
        if self.error:
            raise self.error
        return self._sum.hexdigest()
