"""How does an image's archive become a root file system?"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import IO, Any, Final

from tests.e2e.cluster import cache

from .builder import Image
from .errors import ImageError

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


def root_filesystem(image: Image) -> Path:
    """The unpacked image, cached. Nobody writes to it: run it with a read-only root."""
    tag = image.ref.rpartition("/")[2].replace(":", "-")
    return cache.entry("rootfs", tag, lambda directory: unpack(image.archive, directory))


def configuration(image: Image) -> dict[str, Any]:
    """What the image says about running it: User, Env, Entrypoint, WorkingDir, …"""
    with tarfile.open(image.archive) as archive:
        manifest = json.load(_member(archive, "manifest.json"))
        config: dict[str, Any] = json.load(_member(archive, manifest[0]["Config"]))["config"]
    return config


def unpack(archive: Path, directory: Path) -> None:
    """Lays the layers over each other in `directory`, which is there and empty."""
    with tarfile.open(archive) as outer:
        for layer in json.load(_member(outer, "manifest.json"))[0]["Layers"]:
            with tarfile.open(fileobj=_member(outer, layer)) as inner:
                _apply(inner, directory)
    directory.chmod(0o755)


def _apply(layer: tarfile.TarFile, directory: Path) -> None:
    """A layer over those below it: what it marks as removed goes first, then come its files."""
    members = layer.getmembers()
    for name in (member.name for member in members):
        path = directory / name
        if path.name == _OPAQUE:
            _remove(path.parent)
        elif path.name.startswith(_WHITEOUT):
            _remove(path.with_name(path.name.removeprefix(_WHITEOUT)))
    kept = [member for member in members if not Path(member.name).name.startswith(_WHITEOUT)]
    layer.extractall(directory, kept, filter="fully_trusted")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ImageError(f"the image's archive holds no {name}")
    return file
