"""Where is Git? On a server in the cluster, as a hub is to a user of Argo CD."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cluster import packages
from tests.e2e.cluster.provider import Provider

from .repository import Repository

NAMESPACE = "git"
PORT = 9418
# The charts of this project, and what a team keeps in Git that uses them.
CHARTS, PLATFORM = "llm-stack", "platform"
_HERE = f"--namespace={NAMESPACE}"
_MANIFEST = Path(__file__).with_name("git-server.yaml")


class GitServer:
    """A Git server in the cluster, with the two empty repositories."""

    def __init__(self, cluster: Provider, image: str) -> None:
        packages.ensure({"git": "git"})
        manifest = _MANIFEST.read_text().replace("IMAGE", image)
        cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.kubectl("apply", _HERE, "--filename=-", stdin=manifest)
        cluster.kubectl("rollout", "status", _HERE, "deployment/git", "--timeout=1m")
        self._here = cluster.forward(NAMESPACE, "git", PORT).removeprefix("http://")

    def clone(self, name: str, directory: Path) -> Repository:
        """A clone of one of them."""
        directory.mkdir()
        url = f"git://git.{NAMESPACE}.svc/{name}.git"
        return Repository(directory, f"git://{self._here}/{name}.git", url)
