"""How is a long array of inputs cut into parts, each a request of its own?

A part should take about as long as another client's query may wait behind it, whatever the model
and the hardware. The first part has one input per slot; after that the size doubles if a part was
faster than SHORT_SECONDS, and halves if it was slower than LONG_SECONDS.
"""

from collections.abc import Iterator
from typing import NamedTuple

from llmstack.scan.entries import entries
from llmstack.scan.outline import Span

SHORT_SECONDS = 0.05
LONG_SECONDS = 0.25
MOST_TIMES = 16
"""The largest number of inputs in a part, per slot of a replica."""
MOST_BYTES = 256 * 1024
"""Bytes of inputs in one part, unless a single input is longer."""
MOST_AROUND = 64 * 1024
"""Bytes of a body outside its array, since they are sent again with each part."""


class Portion(NamedTuple):
    """The body of a part, and the number of its inputs."""

    body: bytes
    inputs: int


class Portions:
    """Cuts one body. `slots` is the number of slots of the smallest replica."""

    def __init__(self, body: bytes | bytearray, array: Span, slots: int) -> None:
        self._body = body
        self._array = array
        self._places: Iterator[tuple[int, int]] = entries(body, array)
        self._kept: tuple[int, int] | None = None
        self._slots = slots
        self._times = 1

    def next(self) -> Portion | None:
        """Returns the next part, or None after the last."""
        first = self._take()
        if first is None:
            return None
        (start, end), count = first, 1
        while count < self._slots * self._times and (place := self._take()):
            if place[1] - start > MOST_BYTES:
                self._kept = place
                break
            end, count = place[1], count + 1
        body, array = self._body, self._array
        pieces = (body[: array.start], b"[", body[start:end], b"]", body[array.end :])
        return Portion(b"".join(pieces), count)

    def took(self, seconds: float) -> None:
        """Records in how many seconds the last part was computed."""
        if seconds < SHORT_SECONDS:
            self._times = min(MOST_TIMES, 2 * self._times)
        elif seconds > LONG_SECONDS:
            self._times = max(1, self._times // 2)

    def _take(self) -> tuple[int, int] | None:
        kept, self._kept = self._kept, None
        return kept or next(self._places, None)


def is_cut(body: bytes | bytearray, array: Span, slots: int) -> bool:
    """True if the array has more inputs than a replica has slots, and the rest is small."""
    around = len(body) - (array.end - array.start)
    return array.entries > slots and around <= MOST_AROUND
