"""How is a cluster used that somebody else runs? Only when asked for, and not without saying so."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import portforward
from .binaries import binary
from .errors import ClusterError
from .kubectl import Kubectl


class ExistingCluster:
    """The cluster that was kubectl's current context at the start. We neither make nor remove it.

    The context is copied to `home`: whichever cluster kubectl points at later, `stop` and all else
    mean the one that `start` meant.
    """

    provider = "existing"

    def __init__(self, home: Path, name: str = "existing") -> None:
        self.home = home.resolve()
        self.name = name
        self.kubeconfig = self.home / "kubeconfig"
        self.kubectl = Kubectl(self.kubeconfig)

    def start(self, detached: bool = False) -> None:
        """Prints which cluster it is, and sees that it answers."""
        if not self.kubeconfig.exists():
            self._copy_context()
        context = self.kubectl("config", "current-context").strip()
        print(f"Using the existing cluster of the context {context}.", flush=True)
        self.kubectl("version")

    def stop(self) -> None:
        """Ends the forwards and forgets the cluster, which stays as it is."""
        portforward.stop_all(self.home)
        self.kubeconfig.unlink(missing_ok=True)

    def running(self) -> bool:
        if not self.kubeconfig.exists():
            return False
        command = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}", "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def load_image(self, ref: str, archive: Path) -> None:
        """Its nodes are out of reach: they have to pull."""
        raise ClusterError(
            f"The image {ref} cannot be put on the nodes of an existing cluster. Push it to a "
            f"registry that they pull from, and name it there: it is in {archive}."
        )

    def forward(self, namespace: str, service: str, port: int) -> str:
        command = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}"]
        return portforward.forward(command, self.home, namespace, service, port)

    def _copy_context(self) -> None:
        # kubectl itself reads the context: it knows all the places where one can be.
        words = ["config", "view", "--minify", "--flatten", "--raw"]
        command = [str(binary("kubectl")), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(
                "CLUSTER=existing, but kubectl has no current context "
                f"({done.stderr.strip()}). Set KUBECONFIG or `kubectl config use-context` first."
            )
        self.home.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(done.stdout)
