"""A real kube-apiserver with etcd for tests that need no node.

Tests take it away and bring it back with `stop()` and `start()`; what was written stays. Nothing
acts on the objects unless a test asks for the controllers (fixture `controllers`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.cluster import packages, versions
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.controlplane import ControlPlane
from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.sites import Site

CRDS = Path(__file__).parents[2] / "crds"


class ApiServer:
    """kube-apiserver and etcd on the loopback, on ports of their own."""

    def __init__(self, directory: Path) -> None:
        packages.ensure(versions.CONTROL_PLANE_PACKAGES)
        self._plane = ControlPlane(directory, Site.on_this_host())
        self.url = self._plane.url
        self.kubeconfig = self._plane.kubeconfig
        self.audit_log = self._plane.audit_log
        self.pki = self._plane.pki

    @classmethod
    @contextmanager
    def running(cls, directory: Path) -> Iterator[ApiServer]:
        """One that is ready, and ends with the block; also where its start fails."""
        server = cls(directory)
        try:
            server.start()
            yield server
        finally:
            server.close()

    def start(self) -> None:
        """Brings the API server (back); returns when it is ready."""
        if not self._plane.etcd.running:
            self._plane.start()
        elif not self._plane.apiserver.running:
            self._plane.start_apiserver()

    def stop(self) -> None:
        """Takes the API server away at once: connections break, new ones are refused."""
        self._plane.stop_apiserver()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends everything, etcd too."""
        self._plane.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """While it lasts, the API server is gone."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def controllers(self, *flags: str) -> Iterator[None]:
        """While it lasts, the controller-manager works: garbage collection, HPA, Deployments, …"""
        manager = self._plane.controller_manager
        manager.argv += flags
        manager.start()
        try:
            manager.wait_until(self._controllers_ready, "the controllers were ready")
            yield
        finally:
            manager.stop()

    @contextmanager
    def scheduling(self) -> Iterator[None]:
        """While it lasts, the scheduler works."""
        scheduler = self._plane.scheduler
        scheduler.start()
        try:
            yield
        finally:
            scheduler.stop()

    def kubeconfig_for(self, user: str, *groups: str) -> Path:
        """A kubeconfig by which one acts as `user` (e.g. to test RBAC)."""
        return self._plane.issue(user.replace(":", "-"), user, *groups)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl printed; CalledProcessError (with stderr) where it failed."""
        command: list[str | Path] = [
            binary("kubectl"),
            f"--kubeconfig={self.kubeconfig}",
            *arguments,
        ]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def client(self) -> httpx.Client:
        """An HTTP client with all rights, for what kubectl cannot say."""
        return self._plane.client()

    def apply_crds(self) -> None:
        """Applies the project's CRDs and waits until the API server serves them."""
        if any(CRDS.glob("*.yaml")):
            self.kubectl("apply", "--server-side", "-f", str(CRDS))
            self.kubectl("wait", "--for=condition=Established", "-f", str(CRDS))
            wait_until(self._discovered, "the CRDs to be discovered", seconds=30)

    def _discovered(self) -> bool:
        # Later than Established; `api-resources` also renews what kubectl remembers of kinds.
        return "llmdeployments" in self.kubectl("api-resources", "--api-group=llmstack.dev")

    def _controllers_ready(self) -> bool:
        # Its last controllers start after its health check passes; the namespace controller's
        # work shows that they have: it makes the ConfigMap with the root CA.
        with self._plane.client() as client:
            path = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt"
            return client.get(path).status_code == httpx.codes.OK
