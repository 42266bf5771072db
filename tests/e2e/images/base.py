"""Which Debian do the images stand on?

On a Debian host of the same release it is made here, from the host's own package sources, so that
no image registry is needed. On other hosts it is pulled.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from . import host
from .command import run

RELEASE: Final = "bookworm"
PUBLIC: Final = f"debian:{RELEASE}-slim"

# What Debian's own slim images leave out, too.
_LEFT_OUT: Final = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
# The sources are the host's: a build is handed them from outside, an image must not carry them.
_CLEANED: Final = 'rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap'


def is_local() -> bool:
    """Is the base made on this machine?"""
    return host.is_debian(RELEASE)


def reference() -> str:
    """The base's name: for a local one its tag changes with the way it is made."""
    if not is_local():
        return PUBLIC
    recipe = hashlib.sha256("\0".join((RELEASE, *_LEFT_OUT, _CLEANED)).encode()).hexdigest()
    return f"localhost/debian:{RELEASE}-slim-{recipe[:12]}"


def archive() -> Path:
    """The root file system of a local base, as a tar."""
    return cache.entry("images", reference().rpartition(":")[2], _bootstrap) / "rootfs.tar"


def _bootstrap(directory: Path) -> None:
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--customize-hook={_CLEANED}"]
    words += [f"--aptopt={line}" for line in host.apt_options().splitlines()]
    words += [f"--dpkgopt={line}" for line in _LEFT_OUT]
    words += [RELEASE, str(directory / "rootfs.tar"), "-"]
    run(words, stdin=host.apt_sources(RELEASE))
