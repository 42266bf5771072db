"""Where is the source of the llama-server that the image is built from?"""

from __future__ import annotations

import re
import sys
import tarfile
from functools import partial
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from .command import run
from .recipes import REPOSITORY

DOCKERFILE: Final = REPOSITORY / "images" / "llama-server" / "Dockerfile"
_ARGUMENT: Final = re.compile(r"^ARG LLAMA_CPP_PYTHON_(VERSION|SHA256)=(\S+)$", re.MULTILINE)
_WANTED: Final = re.compile(
    r"[^/]+/vendor/llama\.cpp/((?:tools/server|common|src)/[^/]+\.(?:cpp|h))"
)


def llama_server_source() -> Path:
    """A directory with `tools/server`, `common` and `src` of the llama.cpp that is pinned."""
    pinned = dict(_ARGUMENT.findall(DOCKERFILE.read_text()))
    key = pinned["SHA256"][:16]
    return cache.entry("llama-server-source", key, partial(_download, pinned))


def _download(pinned: dict[str, str], directory: Path) -> None:
    requirements = directory / "requirements.txt"
    requirements.write_text(
        f"llama_cpp_python=={pinned['VERSION']} --hash=sha256:{pinned['SHA256']}\n"
    )
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
    only = ["--no-binary", "llama_cpp_python", "--require-hashes"]
    run([*pip, *only, "--requirement", str(requirements), "--dest", str(directory)])
    archive = next(directory.glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(archive) as packed:
        for member in packed:
            found = _WANTED.fullmatch(member.name)
            content = packed.extractfile(member) if found else None
            if found and content:
                target = directory / found[1]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    archive.unlink()
    requirements.unlink()
