"""Does a stack of layers become the right files?"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from tests.e2e.images.builder import Image
from tests.e2e.images.unpack import configuration, unpack


def layer(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            add(archive, name.replace("__", "/"), content.encode())
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def image(path: Path, *layers: bytes) -> Image:
    with tarfile.open(path, mode="w") as archive:
        names = [f"{index}.tar" for index in range(len(layers))]
        add(archive, "manifest.json", json.dumps([{"Config": "c", "Layers": names}]).encode())
        add(archive, "c", json.dumps({"config": {"User": "65532:65532"}}).encode())
        for name, content in zip(names, layers, strict=True):
            add(archive, name, content)
    return Image("localhost/demo:1", path)


def test_upper_layers_replace_and_remove(tmp_path: Path) -> None:
    made = image(
        tmp_path / "image.tar",
        layer(kept="below", changed="old", gone="x", d__inner="x", opaque__old="x"),
        layer(changed="new", **{".wh.gone": "", "d__.wh.inner": ""}),
        layer(**{"opaque__.wh..wh..opq": "", "opaque__new": "y"}),
    )
    root = tmp_path / "root"
    root.mkdir()
    unpack(made.archive, root)
    found = {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}
    assert found == {"kept": "below", "changed": "new", "opaque/new": "y"}


def test_the_configuration_is_read_from_the_archive(tmp_path: Path) -> None:
    assert configuration(image(tmp_path / "image.tar")) == {"User": "65532:65532"}
