"""With which flags do the programs of a control plane run? Pure."""

from __future__ import annotations

from pathlib import Path

from .sites import Site

SERVICE_NETWORK = "10.96.0.0/16"
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


def etcd(site: Site, directory: Path) -> list[str]:
    """etcd's flags; its data outlives it."""
    url, peers = (f"http://127.0.0.1:{port}" for port in (site.etcd, site.etcd_peers))
    return [
        f"--data-dir={directory}/etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]


def apiserver(site: Site, directory: Path) -> list[str]:
    """kube-apiserver's flags."""
    pki = directory / "pki"
    if site.loopback:
        # There is no controller that makes service accounts, and no pod that needs a token.
        # The endpoints of the Service `kubernetes` must not be loopback addresses: have none.
        own = ["--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"]
    else:
        own = []
    return [
        *own,
        # Reaches the pods of an aggregated API directly, not by the address of their Service.
        "--enable-aggregator-routing=true",
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
        f"--audit-policy-file={directory}/audit-policy.yaml",
        f"--audit-log-path={directory}/audit.log",
    ]


def controller_manager(site: Site, directory: Path) -> list[str]:
    """kube-controller-manager's flags."""
    pki, kubeconfig = directory / "pki", directory / "controller-manager.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        # Both are needed for its own metrics port; without them it tries in-cluster ones.
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={site.controller_manager}",
        f"--cert-dir={pki}",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-account.key",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--horizontal-pod-autoscaler-sync-period=5s",
    ]


def scheduler(site: Site, directory: Path) -> list[str]:
    """kube-scheduler's flags."""
    kubeconfig = directory / "scheduler.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={site.scheduler}",
        f"--cert-dir={directory}/pki",
        "--leader-elect=false",
    ]
