"""What of a request's body has come, and what is in it? It is scanned piece by piece, as it comes.

A body is held once: as it came if it came in one piece, otherwise in one growing buffer.
"""

from typing import NamedTuple

from llmstack.engines.llamacpp.media import WATCHED
from llmstack.scan.outline import Outline
from llmstack.scan.scanner import BOM, PIECE, Scanner
from llmstack.scan.sight import SMALL, at_sight


class Received(NamedTuple):
    """A whole body and its outline. It has no byte order mark.

    If it was a form, `data` holds the form's fields as JSON, and `file` its file, if any.
    """

    data: bytes | bytearray
    outline: Outline
    file: bytearray | None = None

    @property
    def size(self) -> int:
        """Bytes of the body, file included."""
        return len(self.data) + len(self.file or b"")


class Body:
    """One body while it arrives. `whole` is True once all of it has come."""

    __slots__ = ("_scanned", "_scanner", "data", "outline", "whole")

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""
        self.outline: Outline | None = None
        self.whole = False
        self._scanner: Scanner | None = None
        self._scanned = 0

    @property
    def size(self) -> int:
        """Bytes that count against the limit for one body."""
        return len(self.data)

    @property
    def held(self) -> int:
        """Approximate bytes of memory that the body takes."""
        return len(self.data) + (self._scanner.held if self._scanner is not None else 0)

    @property
    def file(self) -> bytearray | None:
        """The file of a form that has been read; None if there is none."""
        return None

    @property
    def behind(self) -> bool:
        """True if part of the body has come but is not scanned."""
        if self.whole:
            return self.outline is None
        size = len(self.data)
        return size > SMALL and size - self._scanned >= PIECE

    def add(self, payload: bytes) -> None:
        """Adds bytes that have come."""
        data = self.data
        if not data:
            self.data = payload
            return
        if isinstance(data, bytes):
            data = self.data = bytearray(data)
        data += payload

    def is_read(self) -> bool:
        """Returns True if the outline is known.

        A small body that has wholly come is read here at once, unless it needs the scanner.
        """
        fresh = self.outline is None and self._scanner is None
        if fresh and self.whole and len(self.data) <= SMALL:
            self._skip_mark()
            self.outline = at_sight(self.data, WATCHED)
            if self.outline is None:
                self._scanner = Scanner(WATCHED)
        return self.outline is not None

    def look(self) -> bool:
        """Scans the next piece. Returns True if another can be scanned. Raises NotJSON."""
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
        """Drops the byte order mark that some editors write: llama-server does not accept it."""
        if self.data.startswith(BOM):
            self.data = self.data[len(BOM) :]
