"""How can the image's llama-server run on this machine, outside a container?"""

from __future__ import annotations

import json
import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import IO, Final

from tests.e2e.cluster import cache

from .builder import build
from .errors import ImageError

# Its libraries look beside themselves first, so these make it independent of the host's.
_LIBRARIES: Final = ("libgomp.so.1", "libstdc++.so.6", "libgcc_s.so.1")
_HOME: Final = "opt/llama"


def llama_server_binary() -> Path:
    """The llama-server of the image, with its libraries beside it."""
    image = build("llama-server")
    tag = image.ref.rpartition(":")[2]
    directory = cache.entry("llama-server", tag, partial(_extract, image.archive))
    return directory / _HOME / "llama-server"


def _extract(archive: Path, directory: Path) -> None:
    """Unpacks the layers in order, as far as the server's own directory and libraries go."""
    with tarfile.open(archive) as outer:
        manifest = _member(outer, "manifest.json")
        for layer in json.load(manifest)[0]["Layers"]:
            with tarfile.open(fileobj=_member(outer, layer)) as inner:
                wanted = [member for member in inner if _is_wanted(member.name)]
                inner.extractall(directory, wanted, filter="tar")
    home = directory / _HOME
    for library in _LIBRARIES:
        found = next(directory.glob(f"usr/lib/*/{library}"), None)
        if found is None:
            raise ImageError(f"{archive} holds no {library}")
        shutil.copy(found, home / library)
    shutil.rmtree(directory / "usr")


def _is_wanted(name: str) -> bool:
    name = name.removeprefix("./")
    return name.startswith(_HOME) or (
        name.startswith("usr/lib/") and any(library in name for library in _LIBRARIES)
    )


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ImageError(f"the image's archive holds no {name}")
    return file
