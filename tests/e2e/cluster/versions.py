"""Which version of each tool does the cluster use? The only place that says so."""

from __future__ import annotations

from typing import Final

# The newest minor version whose kubelet still runs on cgroup v1 hosts.
KUBERNETES: Final = "1.34.4"
COREDNS: Final = "1.12.4"
# It alone enforces NetworkPolicies; its router and its service proxy are off.
KUBE_ROUTER: Final = "2.1.0"
HELM: Final = "3.19.4"
ARGOCD: Final = "3.2.3"
# An ingress controller that is also one for the Gateway API.
TRAEFIK: Final = "3.6.12"
# Plays the kubelets of clusters that are larger than a machine.
KWOK: Final = "0.8.0"
# Whose definitions tests of the chart bring.
GATEWAY_API: Final = "1.4.0"
PROMETHEUS_OPERATOR: Final = "0.85.0"
# Its default node image, named by its release notes, is of the same Kubernetes minor version.
KIND: Final = "0.30.0"
KIND_NODE_IMAGE: Final = (
    "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
)

# Debian 12 packages (command that proves one is there -> package).
CONTROL_PLANE_PACKAGES: Final = {"etcd": "etcd-server"}
NODE_PACKAGES: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/bin/catatonit": "catatonit",
}
