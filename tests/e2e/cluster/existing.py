"""How is a cluster used that somebody else runs? Only when asked for, and not without saying so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import portforward
from .binaries import binary
from .errors import ClusterError
from .kubectl import Kubectl


class ExistingCluster:
    """The cluster of kubectl's current context. We neither make nor remove it."""

    provider = "existing"

    def __init__(self, home: Path, name: str = "") -> None:
        self.home = home.resolve()
        # kubectl's own rule, less the merging of several files.
        named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        recorded = Path(name) if name and Path(name).is_file() else None
        self.kubeconfig = recorded or Path(named or Path.home() / ".kube" / "config").resolve()
        # Its name is its kubeconfig, so that `stop` means the cluster that `start` meant.
        self.name = str(self.kubeconfig)
        self.kubectl = Kubectl(self.kubeconfig)

    def start(self, detached: bool = False) -> None:
        """Prints which cluster it is, and sees that it answers."""
        if not self.kubeconfig.is_file():
            raise ClusterError(
                f"CLUSTER=existing, but there is no kubeconfig at {self.kubeconfig}. "
                "Set KUBECONFIG to the file of the cluster to use."
            )
        context = self.kubectl("config", "current-context").strip()
        print(f"Using the existing cluster of context {context} ({self.kubeconfig}).", flush=True)
        self.kubectl("version")

    def stop(self) -> None:
        """Ends the forwards; the cluster stays as it is."""
        portforward.stop_all(self.home)

    def running(self) -> bool:
        if not self.kubeconfig.is_file():
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
