"""What is being built right now, and how far is it?

Whoever builds writes a log into the directory that it fills (cache.py), so that it is found from
every process: also by one that waits for the lock of another. How far it is stands there:

    [134/342] Building CXX object ...     ninja, in the build of an image
    packages 1904                         then the name of each package that Go has compiled
"""

from __future__ import annotations

import fcntl
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import cache

LOG: Final = "build.log"
_NINJA: Final = re.compile(r"^\[(\d+)/(\d+)\] ", re.MULTILINE)
_GO: Final = re.compile(r"\Apackages (\d+)\n")
_SURE: Final = 0.05
"""Of less than this share nobody can say how long the rest takes."""


@dataclass(frozen=True)
class Underway:
    """A build: what it makes, how many of how many parts are done, and for how many seconds."""

    name: str
    done: int
    total: int
    seconds: float

    def __str__(self) -> str:
        """`kubernetes: 812 of 1904, about 5 min left`."""
        if not self.total:
            return f"{self.name}: {self.seconds / 60:.0f} min so far"
        text = f"{self.name}: {self.done} of {self.total}"
        if self.done < _SURE * self.total:
            return text
        left = self.seconds * (self.total - self.done) / self.done
        return f"{text}, {'less than a minute' if left < 60 else f'about {left / 60:.0f} min'} left"


def underway() -> list[Underway]:
    """All builds into the cache that some process works at, the one that began first first."""
    found = (_read(directory) for directory in cache.root().glob("*/.*.new"))
    return sorted(filter(None, found), key=lambda build: -build.seconds)


def parts(log: str) -> tuple[int, int]:
    """How many parts are done, of how many; (0, 0) where the log does not say it (yet)."""
    if go := _GO.match(log):
        return min(log.count("\n") - 1, int(go[1])), int(go[1])
    ninja = _NINJA.findall(log)
    return (int(ninja[-1][0]), int(ninja[-1][1])) if ninja else (0, 0)


def _read(directory: Path) -> Underway | None:
    """None for what a killed build has left: its lock is free."""
    version = directory.name.removeprefix(".").removesuffix(".new")
    lock, log = directory.with_name(f".{version}.lock"), directory / LOG
    try:
        if not _held(lock):
            return None
        seconds = time.time() - float(lock.read_text() or time.time())
        text = log.read_text(errors="replace") if log.exists() else ""
    except FileNotFoundError:
        return None  # It was published meanwhile.
    name = version.rpartition("-")[0] if directory.parent.name == "images" else ""
    return Underway(name or directory.parent.name, *parts(text), max(0.0, seconds))


def _held(lock: Path) -> bool:
    with lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
