"""How is a cluster run by kind? In a container engine, from a node image that has to be pulled.

pytest-kind drives our build of kind: it would download one of its own otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest_kind

from . import portforward, versions
from .binaries import binary
from .errors import ClusterError
from .kubectl import Kubectl

ENGINES = ("docker", "podman", "nerdctl")
# Autoscaling tests wait for the controller's next look.
CONFIG = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  controllerManager:
    extraArgs:
      horizontal-pod-autoscaler-sync-period: 5s
"""

Answers = Callable[..., bool]


def answers(*command: str) -> bool:
    """Does this command succeed?"""
    if shutil.which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def missing(ok: Answers = answers, image: str = versions.KIND_NODE_IMAGE) -> str | None:
    """What does kind need that is not here? A sentence that says what to do; None if nothing."""
    engine = next((engine for engine in ENGINES if ok(engine, "info")), None)
    if engine is None:
        return (
            f"kind needs a running container engine ({', '.join(ENGINES)}); none answers `info`. "
            "Start one, or use CLUSTER=bare as root on Linux, or CLUSTER=existing."
        )
    if ok(engine, "image", "inspect", image) or ok(engine, "manifest", "inspect", image):
        return None
    return (
        f"kind needs the node image {image}, which is neither in {engine} nor to be pulled. "
        f"Pull it (`{engine} pull {image}`) where its registry is reached, "
        "or use CLUSTER=bare as root on Linux."
    )


def is_to_be_had() -> bool:
    """Are a container engine and the node image here?"""
    return missing() is None


class KindCluster:
    """A cluster of one node, run by kind. `home` holds its kubeconfig and kind's log."""

    provider = "kind"

    def __init__(self, home: Path, name: str) -> None:
        self.home = home.resolve()
        self.name = name
        self.kubeconfig = self.home / "kubeconfig"
        self.log = self.home / "kind.log"
        self.kubectl = Kubectl(self.kubeconfig)

    def start(self, detached: bool = False) -> None:
        """Creates it unless it runs. The engine owns it: it does not end with this process."""
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "kind.yaml"
        config.write_text(CONFIG)
        try:
            with self._kind() as kind:
                kind.create(config)
        except subprocess.CalledProcessError as error:
            said = self.log.read_text().strip()
            advice = missing() or "The engine and the node image are there; kind itself failed."
            raise ClusterError(f"{advice}\nkind said:\n{said}") from error

    def stop(self) -> None:
        portforward.stop_all(self.home)
        with self._kind() as kind:
            kind.delete()
        self.kubeconfig.unlink(missing_ok=True)

    def running(self) -> bool:
        command = [str(binary("kind")), "get", "clusters"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return self.name in found.stdout.split() and self.kubeconfig.exists()

    def load_image(self, ref: str, archive: Path) -> None:
        command = [
            str(binary("kind")),
            "load",
            "image-archive",
            str(archive),
            f"--name={self.name}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"kind could not load {ref} from {archive}: {done.stderr.strip()}")

    def forward(self, namespace: str, service: str, port: int) -> str:
        command = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}"]
        return portforward.forward(command, self.home, namespace, service, port)

    @contextmanager
    def _kind(self) -> Iterator[pytest_kind.KindCluster]:
        # What kind says goes to the terminal otherwise, and is lost for the message.
        script = self.home / "kind"
        script.write_text(f'#!/bin/sh\nexec "{binary("kind")}" "$@" 2>>"{self.log}"\n')
        script.chmod(0o755)
        self.log.write_text("")
        # pytest-kind makes a directory of its own wherever it is called.
        before = Path.cwd()
        os.chdir(self.home)
        try:
            yield pytest_kind.KindCluster(
                self.name,
                self.kubeconfig,
                image=versions.KIND_NODE_IMAGE,
                kind_path=script,
                kubectl_path=binary("kubectl"),
            )
        finally:
            os.chdir(before)
            shutil.rmtree(self.home / ".pytest-kind", ignore_errors=True)
