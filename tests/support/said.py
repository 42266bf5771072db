"""Which secrets were given to the programs under test, and what did those say?

Helpers that run a program note both here; tests/secret_watch.py fails the test whose programs
have told a secret.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_SHORTEST = 8
"""Characters of a secret that is looked for: a shorter one may stand anywhere by chance."""


class Said:
    """One run's secrets, and what was said since it was looked at last."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self._said: list[tuple[str, str]] = []

    def give(self, *texts: str) -> None:
        """These are secrets. Of one in several lines each line is one."""
        self.secrets.update(part for text in texts for part in re.split(r"\s+", text) if part)

    def give_file(self, path: str | Path) -> None:
        """So is what this file holds, if it is there."""
        if Path(path).is_file():
            self.give(Path(path).read_bytes().decode(errors="replace"))

    def give_address(self, url: str) -> None:
        """So is the password in this address."""
        try:
            password = urlsplit(url).password
        except ValueError:
            return
        if password:
            self.give(password, unquote(password))

    def note(self, where: str, text: str) -> None:
        """A program said this."""
        self._said.append((where, text))

    def leaks(self, *more: tuple[str, str]) -> list[str]:
        """Where a secret was told since the last look. The secret itself is not shown."""
        said, self._said = [*self._said, *more], []
        looked_for = [each for each in self.secrets if len(each) >= _SHORTEST]
        return [
            f"{where} tells a secret that begins with {each[:3]!r}"
            for where, text in said
            for each in looked_for
            if each in text or json.dumps(each)[1:-1] in text
        ]


SAID = Said()
