"""What is there of a file in the making, and how does it survive a kill at any byte?

    partial/<stem>.<nonce>.partial    the bytes, at their places; a sparse file of the final size
    partial/<stem>.<nonce>.journal    which of them count (models.plan has the format and the order)

`<stem>` names the version: bytes of two versions never mix. Whoever works on a partial holds its
flock, which the kernel lifts when the process ends: a partial that can be locked has no owner and
is continued by the next fetcher. One that cannot is left alone, and a new one is begun beside it.
"""

import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmstack.models.plan import (
    Journal,
    Range,
    covered,
    flush_record,
    new_journal,
    range_record,
    read_journal,
)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SUFFIX = ".partial"


class Partial:
    """A file in the making, owned by this process until it is closed."""

    def __init__(self, path: Path, fd: int, total: int) -> None:
        self.path = path
        self.total = total
        self._fd = fd
        self._lock = threading.Lock()
        self._journal = -1
        self._records = 0
        self._flushed = 0
        self.done: tuple[Range, ...] = ()
        # Set when a thread may still write: its descriptors must not be given to another file.
        self.in_use = False

    @property
    def journal(self) -> Path:
        """The file that says which of its bytes count."""
        return journal_of(self.path)

    @property
    def have(self) -> int:
        """Bytes that were there when it was opened."""
        return covered(self.done)

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Put bytes at their place. They count once `record` says so."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Bytes that were written, up to the buffer's length."""
        return os.preadv(self._fd, [buffer], offset)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were written."""
        return os.pread(self._fd, length, offset)

    def written(self) -> int:
        """The file's size: the announced one, or how far it was written if none was."""
        return os.fstat(self._fd).st_size

    def record(self, start: int, end: int) -> None:
        """These bytes were written: a later fetcher need not fetch them."""
        if start >= end:
            return
        with self._lock:
            self._records += 1
            os.write(self._journal, range_record(self._records, start, end).encode())

    def flush(self) -> None:
        """Make what was recorded survive the kernel: first the bytes, then the journal's word."""
        with self._lock:
            last = self._records
        if last == self._flushed:
            return
        os.fdatasync(self._fd)
        with self._lock:
            os.write(self._journal, flush_record(last).encode())
        os.fdatasync(self._journal)
        self._flushed = last

    def restart(self) -> None:
        """Forget every byte."""
        with self._lock:
            self.done = ()
            self._begin_journal(Journal())
            os.ftruncate(self._fd, 0)
            os.ftruncate(self._fd, self.total)

    def sync(self) -> None:
        """All bytes are there: see them on the disk before anything names the file."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Leave it to the next fetcher."""
        if self.in_use:
            return
        with self._lock:
            for fd in (self._journal, self._fd):
                if fd >= 0:
                    os.close(fd)
            self._journal = self._fd = -1

    def discard(self) -> None:
        """Remove it. The journal goes first: without one the bytes prove nothing."""
        remove(self.path)
        self.close()

    def open_journal(self) -> None:
        """Continue from what the journal of an earlier fetcher proves."""
        state = Journal()
        if os.fstat(self._fd).st_size == self.total:
            with suppress(FileNotFoundError):
                text = self.journal.read_text("ascii", errors="replace")
                state = read_journal(text, boot_id(), self.total)
        else:
            os.ftruncate(self._fd, 0)
            os.ftruncate(self._fd, self.total)
        self.done = state.done
        self._begin_journal(state)

    def _begin_journal(self, state: Journal) -> None:
        """A fresh journal takes the old one's place at once, so that a kill leaves one of both."""
        text, self._records = new_journal(state, boot_id())
        self._flushed = len(state.durable)
        new = self.journal.with_suffix(".new")
        fd = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o664)
        os.write(fd, text.encode())
        os.fdatasync(fd)
        new.rename(self.journal)
        if self._journal >= 0:
            os.close(self._journal)
        self._journal = fd


def open_partial(folder: Path, stem: str, total: int, *, resume: bool = True) -> Partial:
    """A partial of this version: one without an owner is continued, else a new one begun."""
    partial = _adopt(folder, stem, total) if resume else None
    partial = partial or _create(folder, stem, total)
    try:
        partial.open_journal()
    except BaseException:
        partial.close()
        raise
    return partial


def _adopt(folder: Path, stem: str, total: int) -> Partial | None:
    for path in sorted(folder.glob(f"{stem}.*{_SUFFIX}")):
        fd = _lock(path)
        if fd is not None:
            return Partial(path, fd, total)
    return None


def _create(folder: Path, stem: str, total: int) -> Partial:
    path = folder / f"{stem}.{secrets.token_hex(4)}{_SUFFIX}"
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o664)
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Partial(path, fd, total)


def _lock(path: Path) -> int | None:
    """Its descriptor, locked; None if it has an owner or is gone.

    Where the file system knows no locks, the cache's renewed lock must do: nobody else works on
    this model then.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with _where_supported():
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last owner may have published or removed it between open and flock.
        if os.fstat(fd).st_ino == path.stat().st_ino:
            return fd
    except OSError:
        pass
    os.close(fd)
    return None


@contextmanager
def _where_supported() -> Iterator[None]:
    """Passes over what a file system without locks answers; "somebody has it" goes through."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise


def remove_abandoned(folder: Path, pattern: str, *, keep: str = "", before: float = 0.0) -> int:
    """Remove partial files without an owner, and return the number of bytes freed.

    Of those that match `pattern`, all but those whose stem is `keep`; with `before`, only those
    last written before that time (seconds since the epoch).
    """
    freed = 0
    for path in folder.glob(pattern + _SUFFIX):
        if keep and path.name.startswith(f"{keep}."):
            continue
        fd = _lock(path)
        if fd is None:
            continue
        stat = os.fstat(fd)
        if not before or stat.st_mtime < before:
            remove(path)
            freed += stat.st_blocks * 512
        os.close(fd)
    return freed


def remove(path: Path) -> None:
    """Remove a partial and its journal, the journal first."""
    journal_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def journal_of(path: Path) -> Path:
    """Return the path of a partial file's journal."""
    return path.with_suffix(".journal")


def boot_id() -> str:
    """Return the boot ID of the kernel, or "" if unknown; then only flushed bytes count."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
