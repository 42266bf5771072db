"""How can the image's llama-server run on this machine, outside a container?"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from .builder import build
from .errors import ImageError
from .unpack import root_filesystem

# The server looks beside itself first, so these make it independent of the host's.
_LIBRARIES: Final = ("libgomp.so.1", "libstdc++.so.6", "libgcc_s.so.1")


def llama_server_binary() -> Path:
    """The llama-server of the image, with its libraries beside it."""
    image = build("llama-server")
    tag = image.ref.rpartition(":")[2]
    root = root_filesystem(image)
    return cache.entry("llama-server", tag, partial(_gather, root)) / "bin" / "llama-server"


def _gather(root: Path, directory: Path) -> None:
    home = directory / "bin"
    shutil.copytree(root / "opt" / "llama", home, symlinks=True)
    for library in _LIBRARIES:
        found = next(root.glob(f"usr/lib/*/{library}"), None)
        if found is None:
            raise ImageError(f"the image of llama-server holds no {library}")
        shutil.copy(found, home / library)
