"""How do the chunks of a response pass once it has begun?

`Passing.data_received` is all that runs per chunk.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from llmstack.gateway.http.framing import Framing, Garbage

KEEP = 2048
"""Bytes remembered of the end of a body, and of the beginning of a plain body."""


class Response(Protocol):
    """Is told what happens to the response."""

    def complete(self) -> None:
        """The whole response has passed."""
        ...

    def garbage(self, error: Garbage) -> None:
        """The replica sent something that is not HTTP."""
        ...

    def ended(self, exc: Exception | None) -> None:
        """The replica's connection ended, with an error or None."""
        ...

    def unheard(self) -> None:
        """The client's connection is closed."""
        ...


class Passing(asyncio.Protocol):
    """A response that has begun. Every chunk takes this path, so it must be cheap."""

    __slots__ = ("_before", "_feed", "_framing", "_older", "_recent", "_response", "_size", "write")

    def __init__(
        self, response: Response, framing: Framing, write: Callable[[bytes], None], first: bytes
    ) -> None:
        self._response = response
        self._framing = framing
        self._feed = framing.feed
        self.write = write
        self._before = 0
        self._older: list[bytes] = []
        self._recent = [first]
        self._size = len(first)

    @property
    def passed(self) -> int:
        return self._before + self._size

    @property
    def tail(self) -> bytes:
        """The last bytes that passed, at least KEEP if there were, from the start of a chunk."""
        pieces = self._older + self._recent
        first, size = len(pieces), 0
        while first and size < KEEP:
            first -= 1
            size += len(pieces[first])
        return b"".join(pieces[first:])

    def data_received(self, data: bytes) -> None:
        try:
            data = self._feed(data)
            self.write(data)
        except Garbage as error:
            self._response.garbage(error)
            return
        except RuntimeError:  # uvloop raises it for a closed transport. Asking first would cost.
            self._response.unheard()
            return
        self._recent.append(data)
        self._size += len(data)
        if self._size > KEEP:
            self._turn()
        if self._framing.done:
            self._response.complete()

    def eof_received(self) -> None:
        self._response.ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._response.ended(exc)

    def _turn(self) -> None:
        """Forgets the older half of what is remembered, or all but the end of a large piece."""
        self._before += self._size
        self._older = self._recent
        if self._size > 2 * KEEP:
            self._older = [self._framing.tail(b"".join(self._recent), KEEP)]
        self._recent, self._size = [], 0
