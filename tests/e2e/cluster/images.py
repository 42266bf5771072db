"""How is a container image made of a few files, without an engine or a registry?

The result is an OCI archive: `index.json` names a manifest, the manifest a config and one layer,
each by the hash of its content.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(
    path: Path,
    ref: str,
    files: Mapping[str, Path],
    entrypoint: Sequence[str],
    links: Mapping[str, str] | None = None,
) -> Path:
    """Writes an image of executable `files` (path in the image -> file here) and symlinks."""
    layer = _layer(files, links or {})
    config = json.dumps(
        {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    ).encode()
    described = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    # containerd takes the image's name from this annotation.
    described["annotations"] = {"io.containerd.image.name": ref}
    index = json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", index)
        for blob in (config, layer, manifest):
            _add(archive, "blobs/sha256/" + _digest(blob).removeprefix("sha256:"), blob)
    return path


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for name, source in files.items():
            _add(layer, name.lstrip("/"), source.read_bytes(), mode=0o755)
        for name, target in links.items():
            link = tarfile.TarInfo(name.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, target
            layer.addfile(link)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
