"""Which images of the past are still worth their disk space?

Every changed file makes another image. The newest few of each name stay, and whatever was asked for
within the last hour, because somebody may be reading it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from . import buildah

KEPT: Final = 3
IN_USE_SECONDS: Final = 3600.0


def expired(used: Mapping[str, float], now: float) -> list[str]:
    """Which of these (name -> when it was last asked for) may go?"""
    newest_first = sorted(used, key=lambda name: used[name], reverse=True)
    return [name for name in newest_first[KEPT:] if now - used[name] > IN_USE_SECONDS]


def prune(name: str) -> None:
    """Removes what has expired of the images called `name`. The caller holds the builder's lock."""
    entries = cache.root() / "images"
    used = {path.name: path.stat().st_mtime for path in entries.glob(f"{name}-*")}
    for entry in expired(used, time.time()):
        digest = entry.rpartition("-")[2]
        for path in (
            entries / entry,
            cache.root() / "rootfs" / entry,
            cache.root() / name / digest,
        ):
            _remove(path)
        buildah.forget(f"localhost/llm-stack/{name}:{digest}")


def _remove(path: Path) -> None:
    """Out of its place first: what has its own name is complete."""
    if path.is_dir():
        aside = path.with_name(f".{path.name}.old")
        path.rename(aside)
        shutil.rmtree(aside)
