"""What does kubectl say? Our own build of it, never the one on the PATH."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .binaries import binary
from .errors import ClusterError


class KubectlFailed(ClusterError):
    """kubectl ended with an error; the message is what it printed."""


class Kubectl:
    """Calls kubectl with one kubeconfig."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        self._options = [f"--kubeconfig={kubeconfig}"]
        if context is not None:
            self._options.append(f"--context={context}")

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """What it printed; KubectlFailed where it failed."""
        command = [binary("kubectl"), *self._options, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            called = " ".join(map(str, arguments))
            raise KubectlFailed(f"kubectl {called}: {done.stderr.strip()}")
        return done.stdout
