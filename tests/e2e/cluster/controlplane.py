"""How does a control plane run as plain processes: etcd, kube-apiserver, and what works on them?

The node of the bare cluster runs all of it in a network namespace of its own, the integration
tests run etcd and kube-apiserver on the host's loopback. Each program starts and stops alone, so
that tests can take the API server away from everything else.

    directory/pki/*            certificates and keys
    directory/*.kubeconfig     admin, controller-manager, scheduler, …
    directory/etcd/            data, kept over stop and start
    directory/audit.log        JSON lines; bodies of writes included, except of Secrets
    directory/log/*.log        what each program said
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx

from . import flags
from .binaries import binary
from .pki import Authority, write_key, write_kubeconfig
from .processes import Program
from .sites import Site

Flags = Callable[[Site, Path], list[str]]
KUBERNETES_SERVICE = "10.96.0.1"
SERVICE_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


class ControlPlane:
    """etcd, API server, controller-manager and scheduler of one cluster."""

    def __init__(self, directory: Path, site: Site) -> None:
        self.directory = directory
        self.url = f"https://127.0.0.1:{site.api}"
        self.audit_log = directory / "audit.log"
        self._site = site
        self._make_credentials()
        self.etcd = self._program("etcd", "etcd", flags.etcd)
        self.apiserver = self._kubernetes("apiserver", flags.apiserver)
        self.controller_manager = self._kubernetes("controller-manager", flags.controller_manager)
        self.scheduler = self._kubernetes("scheduler", flags.scheduler)

    @property
    def kubeconfig(self) -> Path:
        """Cluster administrator's."""
        return self.directory / "admin.kubeconfig"

    def start(self) -> None:
        """Starts etcd and the API server; returns when the API is ready."""
        self.etcd.start()
        self.etcd.wait_until(self._etcd_answers, "etcd answered")
        self.start_apiserver()

    def start_apiserver(self) -> None:
        """Returns when every check of /readyz passes."""
        self.apiserver.start()
        self.apiserver.wait_until(self.ready, "the API server was ready")

    def stop_apiserver(self) -> None:
        """Takes the API server away at once, as a crash would; etcd keeps what was written."""
        self.apiserver.stop(patience=0.0)

    def stop(self) -> None:
        """Ends every program."""
        for program in (self.scheduler, self.controller_manager, self.apiserver, self.etcd):
            program.stop(patience=0.0)

    def ready(self) -> bool:
        """Does /readyz say ok, and are the namespaces there that every user expects?"""
        with self.client() as client:
            try:
                if client.get("/readyz").status_code != httpx.codes.OK:
                    return False
                names = ("default", "kube-system")
                answers = [client.get(f"/api/v1/namespaces/{name}") for name in names]
            except httpx.TransportError:
                return False
        return all(answer.status_code == httpx.codes.OK for answer in answers)

    def client(self) -> httpx.Client:
        """An HTTP client with the administrator's certificate."""
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        return httpx.Client(base_url=self.url, verify=context, trust_env=False)

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    def issue(self, name: str, user: str, *groups: str, hosts: tuple[str, ...] = ()) -> Path:
        """A kubeconfig for `user`, e.g. to act with the rights of a component."""
        pair = self._ca.issue(name, user, groups, hosts)
        path = self.directory / f"{name}.kubeconfig"
        return write_kubeconfig(path, self.url, self._ca.certificate, pair, name)

    def _make_credentials(self) -> None:
        hosts = ("localhost", "127.0.0.1", KUBERNETES_SERVICE, self._site.address, *SERVICE_NAMES)
        self._ca = Authority(self.pki, "ca")
        self._ca.issue("apiserver", "kube-apiserver", hosts=hosts)
        self._ca.issue("apiserver-kubelet-client", "apiserver-kubelet-client", ("system:masters",))
        Authority(self.pki, "front-proxy-ca").issue("front-proxy-client", "front-proxy-client")
        write_key(self.pki / "service-account.key")
        self.issue("admin", "admin", "system:masters")
        self.issue("controller-manager", "system:kube-controller-manager")
        self.issue("scheduler", "system:kube-scheduler")
        (self.directory / "audit-policy.yaml").write_text(flags.AUDIT_POLICY)

    def _kubernetes(self, name: str, flags_of: Flags) -> Program:
        return self._program(f"kube-{name}", binary(f"kube-{name}"), flags_of)

    def _program(self, name: str, command: str | Path, flags_of: Flags) -> Program:
        argv = [command, *flags_of(self._site, self.directory)]
        return Program(argv, self.directory / "log" / f"{name}.log")

    def _etcd_answers(self) -> bool:
        try:
            health = f"http://127.0.0.1:{self._site.etcd}/health"
            return httpx.get(health, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
