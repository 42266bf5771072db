"""Is this the file that the deployment wants? Looked at as early as can be.

The first bytes tell whether it is a GGUF file at all, before anything is downloaded; the header
(some MB) tells the context length, long before 40 GB have come.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.models.facts import GGUFFacts
from llmstack.models.gguf import NotGGUF, Read, check_magic, read_facts

_FIRST_LOOK = 4 * 2**20


class NotYet(Exception):
    """The bytes asked for have not come yet."""


def require_magic(name: str, start: bytes) -> None:
    """Do these first bytes begin a GGUF file? Raises FetchError."""
    try:
        check_magic(start)
    except NotGGUF as error:
        raise _not_gguf(name, error) from error


def require_gguf(name: str, read: Read, size: int) -> GGUFFacts:
    """What does the file's header say? Raises FetchError if it is none that can be served."""
    try:
        return read_facts(read, size)
    except NotGGUF as error:
        raise _not_gguf(name, error) from error


def _not_gguf(name: str, error: NotGGUF) -> FetchError:
    return FetchError(reasons.NOT_GGUF, f"{name}: {error}")


def require_context(facts: GGUFFacts, wanted: int | None) -> None:
    """Can the model keep so many tokens per slot? Raises FetchError."""
    most = facts.context_length
    if wanted is not None and most is not None and wanted > most:
        raise FetchError(
            reasons.CONTEXT_LENGTH_TOO_LARGE,
            f"spec.contextLength is {wanted} and the model's maximum is {most} tokens per slot: "
            f"write {most} or less",
        )


def require_parts(name: str, facts: GGUFFacts, parts: int) -> None:
    """Are all parts of a split model named? llama.cpp finds them by their names."""
    if facts.split_count != parts:
        raise FetchError(
            reasons.NOT_GGUF,
            f"{name} is the first of {facts.split_count} parts by its header and one of {parts} by "
            f"its name: keep the names …-00001-of-{facts.split_count:05d}.gguf of llama-gguf-split",
        )


class EarlyLook:
    """Called while a file grows; looks when the header may be there, at doubling lengths."""

    def __init__(
        self, name: str, read: Read, size: int, check: Callable[[GGUFFacts], None]
    ) -> None:
        self._name = name
        self._read = read
        self._size = size
        self._check = check
        self._next = _FIRST_LOOK
        self._arrived = 0

    def __call__(self, prefix: int) -> None:
        if prefix < min(self._next, self._size):
            return
        self._arrived = prefix
        try:
            self._check(require_gguf(self._name, self._read_arrived, self._size))
        except NotYet:
            self._next = 2 * prefix
        else:
            self._next = 2 * self._size + 1

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
