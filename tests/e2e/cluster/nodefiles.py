"""Which files configure the parts of the node? Pure text; `node.py` writes and uses them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from .flags import SERVICE_NETWORK

NODE_ADDRESS = "10.250.0.1"
DNS_SERVICE = "10.96.0.10"
POD_NETWORK = "10.244.0.0/16"
PAUSE_IMAGE = "localhost/pause:1"
KUBE_ROUTER_HEALTH = 20244
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
# What the kubelet would set on the whole machine. The node gets files of its own with these
# values in place of the kernel's.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def containerd(directory: Path) -> str:
    """containerd's config.toml."""
    # restrict_oom_score_adj: root may lack the right to lower it, and every sandbox would fail.
    # disable_apparmor: else a profile is loaded into the host's kernel and stays there.
    return f"""\
version = 2
root = "{directory}/containerd"
state = "/run/containerd"
[grpc]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{directory}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def cni() -> str:
    """The pod network: one bridge; hairpin mode lets a pod reach itself by its Service."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": POD_NETWORK}]], "dataDir": "/run/cni"}
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": ipam,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]})


def kubelet(directory: Path, pki: Path, cgroup: str) -> str:
    """KubeletConfiguration."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{pki}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{pki}/kubelet.crt",
            "tlsPrivateKeyFile": f"{pki}/kubelet.key",
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [DNS_SERVICE],
            "clusterDomain": "cluster.local",
            "resolvConf": f"{directory}/resolv.conf",
            "volumePluginDir": f"{directory}/kubelet-plugins",
            # An advertised GPU becomes allocatable at the next update of the node's status.
            "nodeStatusUpdateFrequency": "2s",
            # Where nothing changed, it is not written: else the line above would set this, too.
            "nodeStatusReportFrequency": "5m",
            # Images come from archives and cannot be pulled again: never collect them.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        }
    )


def kube_proxy(kubeconfig: Path) -> str:
    """KubeProxyConfiguration; connection tracking is the host's, so its limits are left alone."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": POD_NETWORK,
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
    )


def kube_router(kubeconfig: Path, node: str) -> list[str]:
    """kube-router's flags: it enforces NetworkPolicies, and does nothing else."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--health-port={KUBE_ROUTER_HEALTH}",
    ]


def corefile(kubeconfig: Path, context: str) -> str:
    """CoreDNS's configuration.

    The node has no way out, so any other name does not exist: said at once instead of timing out.
    """
    # Two servers: within one, `template` would answer before `kubernetes` is asked.
    return f"""\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {NODE_ADDRESS}
    errors
    ready 127.0.0.1:8181
    kubernetes {{
        kubeconfig {kubeconfig} {context}
    }}
}}
.:53 {{
    bind {NODE_ADDRESS}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
