"""What runs inside the namespaces of the bare cluster's node?

    supervisor ── unshare ── catatonit (process 1) ── this
                                                       ├── etcd, kube-apiserver, controllers
                                                       ├── containerd ── pods
                                                       ├── kubelet, kube-proxy, CoreDNS, kube-router
                                                       └── threads: volumes, forwards, control

Whatever it mounts, routes or filters is in namespaces that end with process 1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from . import control, nodefiles, volumes
from .binaries import binary
from .controlplane import ControlPlane
from .forwarding import Forwarder, ServiceTarget
from .images import write_archive
from .nodefiles import CONTAINERD_SOCKET, NODE_ADDRESS, PAUSE_IMAGE
from .processes import Program
from .provisioner import Provisioner
from .sites import Site

RESTART_SECONDS = 1.0


def main(directory: Path, name: str) -> None:
    """Starts everything and keeps it running until it is killed."""
    prepare_mounts(directory)
    prepare_network()
    node = Node(directory, name)
    node.start()
    control.serve(directory / "control", node.commands())
    (directory / "ready").touch()
    while True:
        node.restart_ended()
        time.sleep(RESTART_SECONDS)


def prepare_mounts(directory: Path) -> None:
    """Gives the node its own /run, /var/lib, /var/log and kernel settings; the rest is shared."""
    hold = Path("/run/state")
    layers = Path("/run/var-lib")
    shield = Path("/run/sys")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for path in (hold, layers / "upper", layers / "work", shield):
        path.mkdir(parents=True)
    # The state directory lies below /var/lib: it stays the same one under the overlay.
    _run("mount", "--bind", str(directory), str(hold))
    options = f"lowerdir=/var/lib,upperdir={layers}/upper,workdir={layers}/work"
    _run("mount", "-t", "overlay", "-o", options, "overlay", "/var/lib")
    _run("mount", "--move", str(hold), str(directory))
    _run("mount", "-t", "tmpfs", "tmpfs", "/var/log")
    for setting, value in nodefiles.KERNEL_SETTINGS.items():
        file = shield / setting.replace("/", ".")
        file.write_text(value)
        _run("mount", "--bind", str(file), f"/proc/sys/{setting}")


def prepare_network() -> None:
    """A bridge serves as the node's interface: it needs no kernel module that may be missing."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node", "type", "bridge")
    _run("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", "node")
    _run("ip", "link", "set", "node", "up")
    # The API server and the kubelet find their own address by the default route.
    _run("ip", "route", "add", "default", "dev", "node")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Node:
    """The programs of the node and what the host may ask of them."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.plane = ControlPlane(directory / "control-plane", Site(NODE_ADDRESS))
        self._write_files()
        self.containerd = self._program("containerd", "containerd", "-c", "containerd.toml")
        self.kubelet = self._program(
            "kubelet",
            binary("kubelet"),
            f"--config={directory}/kubelet.yaml",
            f"--kubeconfig={self._kubelet_kubeconfig}",
            f"--hostname-override={name}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={directory}/kubelet",
            f"--cert-dir={directory}/kubelet-pki",
        )
        self.kube_proxy = self._program(
            "kube-proxy",
            binary("kube-proxy"),
            f"--config={directory}/kube-proxy.yaml",
            f"--hostname-override={name}",
        )
        self.coredns = self._program("coredns", binary("coredns"), "-conf", "Corefile")
        self.kube_router = self._program(
            "kube-router",
            binary("kube-router"),
            *nodefiles.kube_router(self._kube_router_kubeconfig, name),
        )
        self.forwarder = Forwarder()

    def start(self) -> None:
        """Returns when the node is Ready and pods can be made."""
        self.containerd.start()
        self.plane.start()
        self.plane.controller_manager.start()
        self.plane.scheduler.start()
        self._apply_basics()
        self.containerd.wait_until(Path(CONTAINERD_SOCKET).exists, "containerd listened")
        self._import_pause()
        for program in (self.kubelet, self.kube_proxy, self.coredns):
            program.start()
        Provisioner(self.plane, self.directory / "volumes").start()
        self.coredns.wait_until(_dns_ready, "CoreDNS was ready")
        self.kubelet.wait_until(self._pods_can_run, "the node was Ready")
        self.kube_router.start()  # Asks for the address of the node.
        self.kube_router.wait_until(_policies_hold, "NetworkPolicies were enforced")

    def restart_ended(self) -> None:
        """Starts again what ended by itself, as an init system would."""
        plane = self.plane
        for program in (
            plane.etcd,
            plane.apiserver,
            plane.controller_manager,
            plane.scheduler,
            self.containerd,
            self.kubelet,
            self.kube_proxy,
            self.coredns,
            self.kube_router,
        ):
            if program.wanted and not program.running:
                print(f"{program.argv[0]} ended; starting it again", flush=True)
                program.start()

    def commands(self) -> dict[str, control.Command]:
        """What the host may ask."""
        return {
            "forward": self._forward,
            "forward-api": self._forward_api,
            "load-image": self._load_image,
            "stop-apiserver": lambda *_: self.plane.stop_apiserver(),
            "start-apiserver": lambda *_: self.plane.start_apiserver(),
        }

    def _forward(self, request: dict[str, Any], files: list[int]) -> None:
        service = (request["namespace"], request["service"], request["port"])
        target = ServiceTarget(self.plane.client(), *service)
        self.forwarder.add(control.listener(files), target)

    def _forward_api(self, _: dict[str, Any], files: list[int]) -> None:
        self.forwarder.add(control.listener(files), lambda: ("127.0.0.1", 6443))

    def _load_image(self, request: dict[str, Any], files: list[int]) -> None:
        # From a descriptor: the host's /run and /var are not what the node sees under that name.
        try:
            said = self._ctr("images", "import", "-", stdin=files[0])
        finally:
            os.close(files[0])
        names = re.findall(r"^unpacking (\S+) ", said, re.MULTILINE)
        if request["ref"] not in names:
            # Archives of different tools name what is in them differently, or not at all.
            self._ctr("images", "tag", "--force", names[0], request["ref"])

    def _import_pause(self) -> None:
        archive = self.directory / "pause.tar"
        files = {"/pause": Path("/usr/bin/catatonit")}
        write_archive(archive, PAUSE_IMAGE, files, ["/pause", "-P"])
        with archive.open("rb") as opened:
            self._ctr("images", "import", "-", stdin=opened.fileno())

    def _ctr(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> str:
        command = ["ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", *arguments]
        done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def _apply_basics(self) -> None:
        classes = [volumes.storage_class(name) for name in volumes.STORAGE_CLASSES]
        files = ("dns.yaml", "network-policies.yaml")
        parts = [Path(__file__).with_name(name).read_text() for name in files]
        subprocess.run(
            [binary("kubectl"), f"--kubeconfig={self.plane.kubeconfig}", "apply", "-f", "-"],
            input="\n---\n".join([*parts, *map(json.dumps, classes)]),
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _pods_can_run(self) -> bool:
        """Is the node Ready, and has the service account that pods use been made?"""
        with self.plane.client() as client:
            account = client.get("/api/v1/namespaces/default/serviceaccounts/default")
            node = client.get(f"/api/v1/nodes/{self.name}")
        if not (account.is_success and node.is_success):
            return False
        conditions = node.json()["status"].get("conditions", [])
        return {"type": "Ready", "status": "True"}.items() <= next(
            (found for found in conditions if found["type"] == "Ready"), {}
        ).items()

    def _write_files(self) -> None:
        directory, plane = self.directory, self.plane
        self._kubelet_kubeconfig = plane.issue(
            "kubelet", f"system:node:{self.name}", "system:nodes", hosts=(NODE_ADDRESS, self.name)
        )
        proxy = plane.issue("kube-proxy", "system:kube-proxy")
        dns = plane.issue("coredns", "coredns")
        self._kube_router_kubeconfig = plane.issue("kube-router", "kube-router")
        for name, text in {
            "containerd.toml": nodefiles.containerd(directory),
            "cni/10-pods.conflist": nodefiles.cni(),
            "kubelet.yaml": nodefiles.kubelet(directory, plane.pki, self.name),
            "kube-proxy.yaml": nodefiles.kube_proxy(proxy),
            "Corefile": nodefiles.corefile(dns, "coredns"),
            "resolv.conf": "",
        }.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text)

    def _program(self, name: str, *argv: str | Path) -> Program:
        return Program(argv, self.directory / "log" / f"{name}.log", directory=self.directory)


def _dns_ready() -> bool:
    return _answers("http://127.0.0.1:8181/ready")


def _policies_hold() -> bool:
    return _answers(f"http://127.0.0.1:{nodefiles.KUBE_ROUTER_HEALTH}/healthz")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
