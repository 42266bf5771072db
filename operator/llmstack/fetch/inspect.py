"""What does a file's header say? Looked at before the weights are downloaded.

The first bytes tell whether it is a GGUF file at all. The header (some MB) tells the rest: context
length, layers, whether it is a model and one of the right parts. 40 GB of weights come only then.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmstack.api import reasons
from llmstack.engines.facts import GGUFFile, NotGGUF, Read
from llmstack.engines.for_fetch import FILES
from llmstack.errors import FetchError, LLMStackError

_FIRST_LOOK = 2**20
_ANY_SIZE = 2**62


class NotYet(LLMStackError):
    """The bytes asked for have not come yet."""


def require_magic(name: str, start: bytes) -> None:
    """Raises FetchError unless these first bytes begin a GGUF file."""
    try:
        FILES.check_magic(start)
    except NotGGUF as error:
        raise _not_gguf(name, error) from error


def require_gguf(name: str, read: Read, size: int) -> GGUFFile:
    """What the header of a file of `size` bytes says. Raises FetchError if it cannot be served."""
    try:
        return FILES.read_file(read, size)
    except NotGGUF as error:
        raise _not_gguf(name, error) from error


def _not_gguf(name: str, error: NotGGUF) -> FetchError:
    return FetchError(reasons.NOT_GGUF, f"{name}: {error}")


class HeaderLook:
    """Called as a file grows; `seen` gets the header as soon as it is there.

    It looks at doubling lengths. `size` is the whole file's, None while nobody knows.
    """

    def __init__(
        self, name: str, read: Read, size: int | None, seen: Callable[[GGUFFile], None]
    ) -> None:
        self._name = name
        self._read = read
        self._size = _ANY_SIZE if size is None else size
        self._seen = seen
        self._arrived = 0
        self._next = min(_FIRST_LOOK, self._size)
        self.found: GGUFFile | None = None

    @property
    def wanted(self) -> int:
        """Bytes from the file's start that the next look needs; 0 once the header was seen."""
        return 0 if self.found else self._next

    def __call__(self, prefix: int) -> None:
        """Look, if enough of the file is there. Raises what `seen` raises, or FetchError."""
        if self.found or prefix < self._next:
            return
        self._arrived = prefix
        try:
            self.found = require_gguf(self._name, self._read_arrived, self._size)
        except NotYet:
            self._next = min(max(2 * prefix, _FIRST_LOOK), self._size)
        else:
            self._seen(self.found)

    def _read_arrived(self, offset: int, length: int) -> bytes:
        if offset + length > self._arrived:
            raise NotYet
        return self._read(offset, length)


@contextmanager
def reading(path: Path) -> Iterator[tuple[Read, int]]:
    """A file to look into: how to read it, and its size."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield (lambda offset, length: os.pread(fd, length, offset)), os.fstat(fd).st_size
    finally:
        os.close(fd)
