"""Is the archive that we make of files an OCI image?"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from tests.e2e.cluster.images import write_archive


def test_every_part_is_named_by_the_hash_of_its_content(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    path = write_archive(
        tmp_path / "image.tar", "localhost/a:1", {"/bin/a": program}, ["/bin/a"], {"/bin/b": "a"}
    )
    with tarfile.open(path) as archive:
        content = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    blobs = {name.split("/")[-1]: data for name, data in content.items() if "blobs" in name}
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in blobs.items())

    def blob(descriptor: dict[str, str]) -> bytes:
        return blobs[descriptor["digest"].removeprefix("sha256:")]

    described = json.loads(content["index.json"])["manifests"][0]
    assert described["annotations"]["io.containerd.image.name"] == "localhost/a:1"
    manifest = json.loads(blob(described))
    assert json.loads(blob(manifest["config"]))["config"]["Entrypoint"] == ["/bin/a"]
    with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as layer:
        assert {member.name: member.linkname for member in layer} == {"bin/a": "", "bin/b": "a"}
        assert layer.getmember("bin/a").mode == 0o755
