"""How is a tool run so that its failure can be read?"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import ImageError

_TAIL_LINES = 40


def run(words: list[str], *, stdin: str = "", log: Path | None = None) -> str:
    """Returns what the tool printed. With `log`, its progress can be followed in that file."""
    if log is None:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
        output, failure = done.stdout, done.stdout + done.stderr
    else:
        with log.open("w") as file:
            done = subprocess.run(
                words, input=stdin, stdout=file, stderr=subprocess.STDOUT, text=True, check=False
            )
        output = failure = log.read_text(errors="replace")
    if done.returncode != 0:
        tail = "\n".join(failure.splitlines()[-_TAIL_LINES:])
        raise ImageError(f"`{' '.join(words[:6])} …` failed with {done.returncode}:\n{tail}")
    return output
