"""What does a fetch write, and where? All of it without the secrets that it knows."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from llmstack.secret import Hidden, Secret


class Voice:
    """Log lines, tracebacks and the termination message: the only way out."""

    def __init__(self) -> None:
        self._hidden = Hidden()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """From now on none of these is written."""
        self._hidden.add(secrets)

    def say(self, line: str) -> None:
        """One line of the log."""
        sys.stdout.write(self._hidden.hide(line) + "\n")
        sys.stdout.flush()

    def complain(self, text: str) -> None:
        """What is wrong with this program itself."""
        sys.stderr.write(self._hidden.hide(text))
        sys.stderr.flush()

    def leave(self, path: Path | None, text: str) -> None:
        """The kubelet made the file and reads it when the container has ended."""
        if path is None:
            return
        try:
            path.write_text(self._hidden.hide(text), "ascii")
        except OSError as error:
            self.say(json.dumps({"event": "note", "message": f"no termination message: {error}"}))
