"""Where do built things live, and how do two runs not build the same one at once?

Everything is kept outside the repository, under `${XDG_CACHE_HOME:-~/.cache}/llm-stack/`, in one
directory per kind and version:

    cache/kubernetes/1.34.4/        published: complete, never changed afterwards
    cache/kubernetes/.1.34.4.lock   held by the run that builds it; when it began
    cache/kubernetes/.1.34.4.new/   being built; worthless after a crash

An entry is published by one rename, so a directory that exists under its own name is complete.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """Which directory holds everything that outlives a run?"""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "llm-stack"


def entry(kind: str, version: str, build: Callable[[Path], None]) -> Path:
    """Where is `kind` at `version`? Calls `build(directory)` first if nobody has built it yet."""
    published = root() / kind / version
    if published.is_dir():
        return published
    lock = published.with_name(f".{version}.lock")
    with locked(lock):
        # The run that held the lock before us may have published it.
        if not published.is_dir():
            lock.write_text(str(time.time()))
            _build_aside(published, build)
    return published


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits until no other process holds the lock at `path`; the kernel drops it at a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_aside(published: Path, build: Callable[[Path], None]) -> None:
    unfinished = published.with_name(f".{published.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    build(unfinished)
    unfinished.rename(published)
