"""What of a request's body has come, and what is in it? Looked at piece by piece, as it comes.

A body is held once: as it came if it came in one piece, else in one buffer that grows with it.
"""

from typing import NamedTuple

from llmstack.engines.llamacpp.media import WATCHED
from llmstack.scan.outline import Outline
from llmstack.scan.scanner import BOM, PIECE, Scanner
from llmstack.scan.sight import SMALL, at_sight


class Received(NamedTuple):
    """A whole body, and what is where in it. It has no byte order mark.

    Of a form `data` are its fields as JSON, and `file` is its file.
    """

    data: bytes | bytearray
    outline: Outline
    file: bytearray | None = None

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return len(self.data) + len(self.file or b"")


class Body:
    """One body on its way in. `whole`: all of it has come."""

    __slots__ = ("_scanned", "_scanner", "data", "outline", "whole")

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""
        self.outline: Outline | None = None
        self.whole = False
        self._scanner: Scanner | None = None
        self._scanned = 0

    @property
    def size(self) -> int:
        """Bytes that no one body may exceed."""
        return len(self.data)

    @property
    def held(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self.data) + (self._scanner.held if self._scanner is not None else 0)

    @property
    def file(self) -> bytearray | None:
        """The file of a form that was read; None where there is none."""
        return None

    @property
    def behind(self) -> bool:
        """Whether there is a piece that was not looked at."""
        if self.whole:
            return self.outline is None
        size = len(self.data)
        return size > SMALL and size - self._scanned >= PIECE

    def add(self, payload: bytes) -> None:
        """More of it has come."""
        data = self.data
        if not data:
            self.data = payload
            return
        if isinstance(data, bytes):
            data = self.data = bytearray(data)
        data += payload

    def is_read(self) -> bool:
        """Whether its outline is known: that of a small one is, where all of it has come.

        Not if a scanner has to look at it.
        """
        fresh = self.outline is None and self._scanner is None
        if fresh and self.whole and len(self.data) <= SMALL:
            self._skip_mark()
            self.outline = at_sight(self.data, WATCHED)
            if self.outline is None:
                self._scanner = Scanner(WATCHED)
        return self.outline is not None

    def look(self) -> bool:
        """Looks at the next piece. True if another one can be looked at. Raises NotJSON."""
        if self.is_read():
            return False
        if self._scanner is None:
            if not self.whole and len(self.data) <= SMALL:
                return False
            self._skip_mark()
            self._scanner = Scanner(WATCHED)
        return self._scan(self._scanner)

    def _scan(self, scanner: Scanner) -> bool:
        end = min(self._scanned + PIECE, len(self.data))
        if end - self._scanned < PIECE and not self.whole:
            return False
        with memoryview(self.data) as view:
            piece = bytes(view[self._scanned : end])
        scanner.feed(piece)
        self._scanned = end
        if end == len(self.data) and self.whole:
            self.outline, self._scanner = scanner.finish(), None
        return self.outline is None

    def _skip_mark(self) -> None:
        """Some editors write a byte order mark, which llama-server does not take."""
        if self.data.startswith(BOM):
            self.data = self.data[len(BOM) :]
