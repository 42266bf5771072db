"""Is a generated file what the code says? `make pages` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path


def assert_generated(path: Path, text: str) -> None:
    """Compares, or writes where LLMSTACK_GOLDEN=write asks for it."""
    if os.environ.get("LLMSTACK_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: run `make pages`"
