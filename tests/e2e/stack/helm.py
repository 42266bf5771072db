"""How is helm called? With the cluster's own kubeconfig, never with the user's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.cluster.binaries import binary

from .errors import StackError


class Helm:
    """helm on one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    def __call__(self, *arguments: str) -> str:
        """What it printed. StackError with what it said where it failed."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise StackError(f"helm {' '.join(arguments)}:\n{without_noise(done.stderr)}")
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same without judging the result."""
        command = [str(binary("helm")), f"--kubeconfig={self._kubeconfig}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def without_noise(said: str) -> str:
    """What helm said, less its remark that the chart's crds/ is a link."""
    lines = [line for line in said.splitlines() if "found symbolic link in path" not in line]
    return "\n".join(lines).strip()
