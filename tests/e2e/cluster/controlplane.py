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

import random
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from .binaries import binary
from .pki import Authority, write_key, write_kubeconfig
from .processes import Program

SERVICE_NETWORK = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
SERVICE_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: Metadata
  resources: [{group: "", resources: [secrets, serviceaccounts/token]}]
- level: Request
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
"""


@dataclass(frozen=True)
class Site:
    """Where a control plane listens."""

    address: str
    """The address that the API server tells others; loopback where there is no pod to tell."""
    api: int = 6443
    etcd: int = 2379
    etcd_peers: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259

    @property
    def loopback(self) -> bool:
        return self.address == "127.0.0.1"

    @classmethod
    def on_this_host(cls) -> Site:
        """A site on the loopback, beside whatever else runs on this host."""
        return cls("127.0.0.1", *free_ports(5))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that are free, and stay so while the program that uses one is down.

    They lie below the range from which the kernel takes ports for outgoing connections.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20000, 32768)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found


class ControlPlane:
    """etcd, API server, controller-manager and scheduler of one cluster."""

    def __init__(
        self,
        directory: Path,
        site: Site,
        apiserver_flags: tuple[str, ...] = (),
        controller_flags: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self.url = f"https://127.0.0.1:{site.api}"
        self.audit_log = directory / "audit.log"
        self._site = site
        self._make_credentials()
        self.etcd = self._etcd()
        self.apiserver = self._apiserver(apiserver_flags)
        self.controller_manager = self._controller_manager(controller_flags)
        self.scheduler = self._scheduler()

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
        (self.directory / "audit-policy.yaml").write_text(AUDIT_POLICY)

    def _program(self, name: str, command: str | Path, *flags: str) -> Program:
        return Program([command, *flags], self.directory / "log" / f"{name}.log")

    def _etcd(self) -> Program:
        url, peers = (
            f"http://127.0.0.1:{port}" for port in (self._site.etcd, self._site.etcd_peers)
        )
        return self._program(
            "etcd",
            "etcd",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        )

    def _etcd_answers(self) -> bool:
        try:
            health = f"http://127.0.0.1:{self._site.etcd}/health"
            return httpx.get(health, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _apiserver(self, flags: tuple[str, ...]) -> Program:
        site, pki = self._site, self.pki
        if site.loopback:
            # There is no controller that makes service accounts, and no pod that needs a token.
            # The endpoints of the Service `kubernetes` must not be loopback addresses: have none.
            flags = (
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
                *flags,
            )
        else:
            # Endpoints of an aggregated API are pods; a node makes requests on its own part only.
            flags = ("--enable-aggregator-routing=true", *flags)
        return self._program(
            "kube-apiserver",
            binary("kube-apiserver"),
            f"--bind-address={'127.0.0.1' if site.loopback else '0.0.0.0'}",
            f"--secure-port={site.api}",
            f"--advertise-address={site.address}",
            f"--etcd-servers=http://127.0.0.1:{site.etcd}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--cert-dir={pki}",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            # Else logs, exec and port-forward look the node's name up in DNS.
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/service-account.key",
            f"--service-account-signing-key-file={pki}/service-account.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={pki}/front-proxy-client.key",
            f"--audit-policy-file={self.directory}/audit-policy.yaml",
            f"--audit-log-path={self.audit_log}",
            *flags,
        )

    def _controller_manager(self, flags: tuple[str, ...]) -> Program:
        kubeconfig = self.directory / "controller-manager.kubeconfig"
        return self._program(
            "kube-controller-manager",
            binary("kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            # Both are needed for its own metrics port; without them it tries in-cluster ones.
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._site.controller_manager}",
            f"--cert-dir={self.pki}",
            f"--root-ca-file={self.pki}/ca.crt",
            f"--service-account-private-key-file={self.pki}/service-account.key",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--horizontal-pod-autoscaler-sync-period=5s",
            *flags,
        )

    def _scheduler(self) -> Program:
        kubeconfig = self.directory / "scheduler.kubeconfig"
        return self._program(
            "kube-scheduler",
            binary("kube-scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._site.scheduler}",
            f"--cert-dir={self.pki}",
            "--leader-elect=false",
        )
