"""How does the chart get into a cluster, and out again?

By helm alone, as a user would do it. A helm that was killed leaves its release "pending", and every
later helm refuses to touch it: `mend` takes such a release back first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.provider import Provider

from .errors import StackError
from .helm import Helm
from .images import StackImages

NAME = "llm-stack"
NAMESPACE = "llm-stack"
GATEWAY = f"{NAME}-gateway"
ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "llm-stack"
_HERE = f"--namespace={NAMESPACE}"


class Release:
    """The chart in one cluster."""

    def __init__(self, cluster: Provider) -> None:
        self._helm = Helm(cluster.kubeconfig)
        self._kubectl = cluster.kubectl

    def install(self, images: StackImages, *options: str) -> None:
        """Installs or upgrades; returns when all is ready. `options` are helm's."""
        self.mend()
        values = [f"--set-string={name}={value}" for name, value in chart_values(images).items()]
        arguments = (NAME, str(CHART), "--create-namespace", "--wait", "--timeout=3m")
        try:
            self._helm("upgrade", "--install", _HERE, *arguments, *values, *options)
        except StackError as error:
            raise StackError(f"{error}\n{self.why()}") from error

    def uninstall(self) -> None:
        """Takes the release away; CRDs and LLMDeployments stay."""
        self._helm("uninstall", NAME, _HERE, "--ignore-not-found", "--wait", "--timeout=2m")

    def test(self) -> str:
        """What `helm test` says. StackError with the pod's words where it fails."""
        return self._helm("test", NAME, _HERE, "--logs", "--timeout=2m")

    def mend(self) -> None:
        """Takes back what a killed helm left half done."""
        status = self._status()
        if status is None or not status["info"]["status"].startswith("pending"):
            return
        if status["version"] == 1:
            self._helm("uninstall", NAME, _HERE, "--wait", "--timeout=2m")
        else:
            self._helm("rollback", NAME, _HERE, "--wait", "--timeout=2m")

    def why(self) -> str:
        """What do the pods say, where they do not become ready?"""
        asked = (
            ("get", "pods", "--output=wide"),
            ("logs", f"--selector=app.kubernetes.io/instance={NAME}", "--prefix", "--tail=15"),
            ("events", "--types=Warning"),
        )
        return "\n".join(self._answer(*question) for question in asked)

    def _answer(self, *question: str) -> str:
        try:
            return self._kubectl(*question, _HERE)
        except ClusterError as error:
            return str(error)

    def _status(self) -> dict[str, Any] | None:
        done = self._helm.run("status", NAME, _HERE, "--output=json")
        if done.returncode == 0:
            status: dict[str, Any] = json.loads(done.stdout)
            return status
        if "not found" in done.stderr:
            return None
        raise StackError(f"helm status: {done.stderr.strip()}")


def chart_values(images: StackImages) -> dict[str, str]:
    """Which values name the images?"""
    repository, tag = split(images.operator)
    return {
        "image.repository": repository,
        "image.tag": tag,
        "serverImages.cpu": images.llama_server,
    }


def split(reference: str) -> tuple[str, str]:
    """Repository and tag of an image reference; a colon before a slash is a port's."""
    repository, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        raise StackError(f"The image {reference} has no tag: name it as repository:tag.")
    return repository, tag
