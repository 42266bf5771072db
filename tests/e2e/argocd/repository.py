"""How does a change get into Git? As a user puts it there: a commit in a clone, and a push."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.e2e.cluster.processes import wait_until

_SOMEBODY = {
    "GIT_AUTHOR_NAME": "Platform Team",
    "GIT_AUTHOR_EMAIL": "platform@example.com",
    "GIT_COMMITTER_NAME": "Platform Team",
    "GIT_COMMITTER_EMAIL": "platform@example.com",
    # Not the settings of whoever runs the tests.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    """A clone of an empty repository. `url` is where the cluster finds that one."""

    def __init__(self, clone: Path, pushed_to: str, url: str) -> None:
        self.clone = clone
        self.url = url
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", pushed_to)
        # A Service leads to a new pod a moment after that is ready.
        wait_until(lambda: self._try("ls-remote").returncode == 0, f"{pushed_to} to answer", 30)

    def write(self, path: str, text: str) -> None:
        """Writes a file into the clone."""
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def remove(self, path: str) -> None:
        """Removes a file or a directory from the clone."""
        self._git("rm", "-r", "--quiet", path)

    def push(self, subject: str) -> str:
        """Commits all that was written or removed and pushes it; the commit."""
        self._git("add", "--all")
        self._git("commit", "--quiet", f"--message={subject}")
        return self._pushed()

    def revert(self, commit: str) -> str:
        """Takes a commit back by another one and pushes that; its name."""
        self._git("revert", "--no-edit", commit)
        return self._pushed()

    def _pushed(self) -> str:
        self._git("push", "--quiet", "origin", "main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        done = self._try(*arguments)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.clone,
            env=os.environ | _SOMEBODY,
            capture_output=True,
            text=True,
            check=False,
        )
