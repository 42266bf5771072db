"""How does one get a real Kubernetes node on this machine, without an engine or a registry?

Root on Linux is all it takes. The node lives in namespaces of its own and has no interface on the
host: `supervisor.py` owns it, `node.py` is what runs inside, `forwarding.py` is the way in.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from . import cache, control, packages, state, versions
from .binaries import KUBERNETES_PROGRAMS, binary
from .errors import ClusterError, NotReady
from .kubeconfig import client_for, copy_with_server
from .kubectl import Kubectl
from .processes import wait_until
from .supervisor import KEEP

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 180


class BareCluster:
    """One node in namespaces of this host. `home` holds its kubeconfig and its log."""

    provider = "bare"

    def __init__(self, home: Path, name: str) -> None:
        self.home = home.resolve()
        self.name = name
        self.kubeconfig = self.home / "kubeconfig"
        self.log = self.home / "cluster.log"
        self.kubectl = Kubectl(self.kubeconfig)
        self._leash: int | None = None

    # Life and death ------------------------------------------------------------------------

    def start(self, detached: bool = False) -> None:
        """Starts it, unless it runs; ends with this process unless `detached`."""
        if self.running():
            return
        check_host()
        prepare()
        # One start at a time: who waited finds the cluster of the other, or starts it anew.
        with cache.locked(cache.root() / ".bare.lock"):
            self.home.mkdir(parents=True, exist_ok=True)
            if not self._ready():
                self._start_afresh()
            if not self.kubeconfig.exists():
                self._write_kubeconfig()
            if detached:
                self._release(KEEP)

    def stop(self) -> None:
        """Ends it and removes all of it, also what a killed supervisor left."""
        self._end()
        self.log.unlink(missing_ok=True)

    def running(self) -> bool:
        """Is it there, and was it ready once?"""
        return self._ready() and self.kubeconfig.exists()

    @property
    def directory(self) -> Path:
        """Its data, of use to tests: volumes, logs of the programs."""
        return state.directory(self.name)

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, JSON lines."""
        return self.directory / "control-plane" / "audit.log"

    # What every provider does ----------------------------------------------------------------

    def load_image(self, ref: str, archive: Path) -> None:
        """Makes the image in a docker or OCI archive known to the node as `ref`."""
        with archive.open("rb") as opened:
            control.ask(self._socket, "load-image", [opened.fileno()], ref=ref)

    def forward(self, namespace: str, service: str, port: int) -> str:
        """A URL on this host for a Service's port, for as long as the cluster lives."""
        arguments = {"namespace": namespace, "service": service, "port": port}
        return f"http://127.0.0.1:{self._listen('forward', **arguments)}"

    # What tests do to this one ---------------------------------------------------------------

    def advertise_gpu(self, count: int, resource: str = "nvidia.com/gpu") -> None:
        """Has the node offer `count` devices that are not there; returns when it does."""
        path = f"/api/v1/nodes/{self.name}"
        # In a JSON pointer a slash within a name is written ~1.
        pointer = "/status/capacity/" + resource.replace("/", "~1")
        patch = [{"op": "add", "path": pointer, "value": str(count)}]
        headers = {"Content-Type": "application/json-patch+json"}

        def allocatable() -> bool:
            status = api.get(path).raise_for_status().json()["status"]
            return bool(status["allocatable"].get(resource) == str(count))

        with self.client() as api:
            api.patch(f"{path}/status", json=patch, headers=headers).raise_for_status()
            wait_until(allocatable, f"{resource} to be allocatable", seconds=60)

    def stop_apiserver(self) -> None:
        """Takes the API server away; the node and its pods run on."""
        control.ask(self._socket, "stop-apiserver")

    def start_apiserver(self) -> None:
        """Brings it back; returns when it is ready."""
        control.ask(self._socket, "start-apiserver")

    @contextmanager
    def apiserver_away(self) -> Iterator[None]:
        """While it lasts, the API server is gone."""
        self.stop_apiserver()
        try:
            yield
        finally:
            self.start_apiserver()

    def client(self) -> httpx.Client:
        """An HTTP client of the API with all rights."""
        return client_for(self.kubeconfig)

    # How -------------------------------------------------------------------------------------

    @property
    def _socket(self) -> Path:
        return self.directory / "control"

    def _ready(self) -> bool:
        return state.supervisor(self.name) is not None and (self.directory / "ready").exists()

    def _start_afresh(self) -> None:
        # What is there and not ready was begun by somebody who died.
        self._end()
        self.log.unlink(missing_ok=True)
        self._wait_until_ready(self._spawn_supervisor())

    def _spawn_supervisor(self) -> subprocess.Popen[bytes]:
        reading, self._leash = os.pipe()
        try:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.supervisor", self.name, str(self.log)],
                    stdin=reading,
                    stdout=log,
                    stderr=log,
                    cwd=REPOSITORY,
                    # An interrupt from the keyboard is for us; our end is what ends it.
                    start_new_session=True,
                )
        finally:
            os.close(reading)

    def _wait_until_ready(self, supervisor: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (self.directory / "ready").exists():
            if supervisor.poll() is not None or time.monotonic() > deadline:
                end = "\n".join(self.log.read_text().splitlines()[-40:])
                self._end()
                raise NotReady(f"The node did not become ready. The end of {self.log}:\n{end}")
            time.sleep(0.05)

    def _end(self) -> None:
        self._release()
        state.end_supervisor(self.name)
        state.remove_stale()
        self.kubeconfig.unlink(missing_ok=True)

    def _write_kubeconfig(self) -> None:
        port = self._listen("forward-api")
        admin = self.directory / "control-plane" / "admin.kubeconfig"
        copy_with_server(admin, self.kubeconfig, f"https://127.0.0.1:{port}", self.name)

    def _listen(self, what: str, **arguments: Any) -> int:
        # Made here, in the host's network namespace, where it stays; accepted on in the node.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            control.ask(self._socket, what, [listener.fileno()], **arguments)
            return int(listener.getsockname()[1])

    def _release(self, last_word: bytes = b"") -> None:
        """Lets go of the supervisor; without `KEEP` as the last word it ends the cluster."""
        if self._leash is not None:
            # The supervisor may have died, and with it the reading end.
            with suppress(BrokenPipeError):
                os.write(self._leash, last_word)
            os.close(self._leash)
            self._leash = None


def check_host() -> None:
    """Can a node run here at all? ClusterError says what is missing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ClusterError(
            "The bare cluster needs root on Linux. Run this as root, or install a container engine "
            "and use CLUSTER=kind, or point kubectl at a cluster of yours and use CLUSTER=existing."
        )
    if not Path("/sys/fs/cgroup").is_dir():
        raise ClusterError(
            "No control groups are mounted at /sys/fs/cgroup; the kubelet needs them."
        )


def prepare() -> None:
    """Installs packages and builds programs where they are missing."""
    packages.ensure(versions.CONTROL_PLANE_PACKAGES | versions.NODE_PACKAGES)
    for name in (*KUBERNETES_PROGRAMS, "coredns", "kube-router"):
        binary(name)
