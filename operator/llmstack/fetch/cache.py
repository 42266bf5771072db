"""Where does everything lie in the cache, and when is a model complete?

    blobs/<sha256>                   a verified file; appears by rename, never changes
    sources/<key>/<name>             a link to a blob, what llama-server opens; where the volume
                                     knows no links (SMB, some FUSE), the blob itself, moved
    sources/<key>.json               the marker: all files are there, and what their header says
    partial/…  locks/…               downloads under way

Order: bytes · sum · fsync · rename into blobs · fsync of the folder · links · marker. So a marker
means: every byte was verified and is on the disk. A later pod checks the marker, the links and the
sizes; it does not sum 40 GB again.
"""

import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from llmstack.engines.facts import GGUFFacts

_VERSION = 1
_NO_LINKS = (
    *(errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO),
    *(errno.EMLINK, errno.EXDEV, errno.ENOTTY),
)


class Arrived(Protocol):
    """A file whose bytes are all there, under another name (partial.py)."""

    path: Path

    @property
    def journal(self) -> Path:
        """The file that says which of its bytes count."""
        ...

    def sync(self) -> None:
        """Puts its bytes on the disk."""
        ...

    def discard(self) -> None:
        """Removes it."""
        ...

    def close(self) -> None:
        """Gives it up."""
        ...


@dataclass(frozen=True)
class Stored:
    """A file in the cache. `revision` is the hub's commit it came from."""

    name: str
    sha256: str
    size: int
    revision: str | None = None


@dataclass(frozen=True)
class Entry:
    """A complete model: its files, the first one first, and their header."""

    files: tuple[Stored, ...]
    gguf: GGUFFacts


class Cache:
    """A cache volume, shared by all pods of a namespace or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs"
        self.partials = root / "partial"
        self._sources = root / "sources"
        self._locks = root / "locks"

    def prepare(self, names: Sequence[str]) -> None:
        """Make the folders, and see that a model of files with these names can be published.

        Raises OSError, before the first byte is downloaded.
        """
        for folder in (self.blobs, self.partials, self._sources, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
        # An existing folder proves nothing about this user, nor about names that it takes.
        probe = self._sources / f".probe.{os.urandom(4).hex()}"
        probe.mkdir()
        try:
            for name in names:
                (probe / name).touch()
                (probe / name).unlink()
        finally:
            probe.rmdir()

    def lock_path(self, key: str) -> Path:
        """Return the path of a source's lock."""
        return self._locks / key

    def blob(self, sha256: str) -> Path:
        """Return the path of a verified file."""
        return self.blobs / sha256

    def has_blob(self, sha256: str | None, size: int | None) -> bool:
        """Return True if a file with this checksum exists. (With the announced size, if one is
        announced.)
        """
        if not sha256:
            return False
        with suppress(OSError):
            return size in (None, self.blob(sha256).stat().st_size)
        return False

    def ready(self, key: str) -> Entry | None:
        """The complete model of a source, as far as marker, links and sizes tell."""
        folder = self._sources / key
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            data = json.loads(self._marker(key).read_text("utf-8"))
            entry = _entry_from_json(data)
            if entry.files and all(self._is_linked(folder, file) for file in entry.files):
                return entry
        return None

    def _is_linked(self, folder: Path, file: Stored) -> bool:
        path = folder / file.name
        right = not path.is_symlink() or path.readlink().name == file.sha256
        return right and path.is_file() and path.stat().st_size == file.size

    def store(self, partial: Arrived, sha256: str, size: int) -> None:
        """A verified partial becomes a blob. Another fetcher's blob of the same sum stays."""
        partial.sync()
        if self.has_blob(sha256, size):
            partial.discard()
            return
        partial.path.rename(self.blob(sha256))
        _sync(self.blobs)
        partial.journal.unlink(missing_ok=True)
        partial.close()

    def publish(self, key: str, entry: Entry) -> None:
        """Links, then the marker: from now on llama-server may open the model."""
        folder = self._sources / key
        folder.mkdir(exist_ok=True)
        for file in entry.files:
            _place(folder / file.name, self.blob(file.sha256))
        _sync(folder)
        _write(self._marker(key), json.dumps(_entry_to_json(entry)))
        _sync(self._sources)

    def _marker(self, key: str) -> Path:
        """Beside the folder: within it, a file of the model might have its name."""
        return self._sources / f"{key}.json"


def _place(path: Path, blob: Path) -> None:
    """Lets a path stand for a blob, by the first way that the volume knows.

    A blob that has been moved is not found under its sum by other sources of the same file.
    """
    new = path.with_name(f".{os.urandom(8).hex()}")
    target = Path("../../blobs") / blob.name
    if not (_linked(lambda: new.symlink_to(target)) or _linked(lambda: new.hardlink_to(blob))):
        blob.replace(path)
        return
    new.replace(path)


def _linked(link: Callable[[], None]) -> bool:
    """False where the volume has no such links, and a user may not make them."""
    try:
        link()
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{os.urandom(8).hex()}")
    fd = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o664)
    try:
        os.write(fd, text.encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # SMB and some FUSE drivers sync files, and know no such call for folders.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF):
            raise
    finally:
        os.close(fd)


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "files": [_file_to_json(file) for file in entry.files],
        "gguf": entry.gguf.to_json(),
    }


def _file_to_json(file: Stored) -> dict[str, Any]:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "sizeBytes": file.size,
        "revision": file.revision,
    }


def _entry_from_json(data: Mapping[str, Any]) -> Entry:
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']}")
    return Entry(_files_from_json(data["files"]), GGUFFacts.from_json(data["gguf"]))


def _files_from_json(files: Sequence[Mapping[str, Any]]) -> tuple[Stored, ...]:
    return tuple(
        Stored(file["name"], file["sha256"], file["sizeBytes"], file["revision"]) for file in files
    )
