"""Where are the sources that the image of llama-server is built from? Downloaded once.

The Dockerfile pins them: the source archive of llama-cpp-python carries the tree of one commit.
"""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache
from tests.e2e.images.command import run

_DOCKERFILE: Final = Path(__file__).parents[3] / "images/llama-server/Dockerfile"


def llama_cpp_source() -> Path:
    """The folder of llama.cpp's source tree, at the pinned commit."""
    digest = _pinned("LLAMA_CPP_PYTHON_SHA256")
    return cache.entry("sources", f"llama.cpp-{digest[:16]}", _unpack)


def _pinned(name: str) -> str:
    found = re.search(rf"^ARG {name}=(\S+)$", _DOCKERFILE.read_text(), re.MULTILINE)
    assert found, f"the Dockerfile no longer pins {name}"
    return found[1]


def _unpack(directory: Path) -> None:
    version, digest = _pinned("LLAMA_CPP_PYTHON_VERSION"), _pinned("LLAMA_CPP_PYTHON_SHA256")
    requirements = directory / "requirements.txt"
    requirements.write_text(f"llama_cpp_python=={version} --hash=sha256:{digest}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
    pip += ["--no-binary", "llama_cpp_python", "--require-hashes", "--dest", str(directory)]
    run([*pip, "--requirement", str(requirements)])
    archive = next(directory.glob("*.tar.gz"))
    with tarfile.open(archive) as members:
        for member in members:
            place = member.name.partition("/vendor/llama.cpp/")[2]
            if place and (member.isfile() or member.isdir()):
                member.name = place
                members.extract(member, directory, filter="data")
    archive.unlink()
    requirements.unlink()
