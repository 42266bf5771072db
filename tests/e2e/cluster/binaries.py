"""Where is a program of the cluster? Built from its Go module if nobody has built it yet.

Programs on the PATH are never used: their version would differ from machine to machine.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from pathlib import Path

from . import cache, gobuild, versions

KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)


def _helm_flags() -> str:
    """Of a Kubernetes that it does not ask, `helm template` takes the version that is set here."""
    major, minor, _ = versions.KUBERNETES.split(".")
    values = {
        "internal/version.version": f"v{versions.HELM}",
        **{
            f"{package}.k8sVersion{part}": number
            for package in ("pkg/chartutil", "pkg/lint/rules")
            for part, number in (("Major", major), ("Minor", minor))
        },
    }
    return " ".join(f"-X helm.sh/helm/v3/{name}={value}" for name, value in values.items())


# program -> (package to install, its version, linker flags)
MODULE_PROGRAMS = {
    "coredns": ("github.com/coredns/coredns", versions.COREDNS, ""),
    "helm": ("helm.sh/helm/v3/cmd/helm", versions.HELM, _helm_flags()),
    "kind": ("sigs.k8s.io/kind", versions.KIND, ""),
    "kwok": ("sigs.k8s.io/kwok/cmd/kwok", versions.KWOK, ""),
    "kube-router": (
        "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        versions.KUBE_ROUTER,
        "",
    ),
}
# Every component of Argo CD in one: the name it is called by says which.
ARGOCD_MODULE = "github.com/argoproj/argo-cd/v3"
TRAEFIK_MODULE = "github.com/traefik/traefik/v3"
# No test needs it, only benches: it is built when it is asked for.
ON_DEMAND = frozenset({"kwok"})
PROGRAMS = (
    *KUBERNETES_PROGRAMS,
    *(name for name in MODULE_PROGRAMS if name not in ON_DEMAND),
    "argocd",
    "traefik",
)


def binary(name: str) -> Path:
    """Where is the program `name`? Builds it first where needed (minutes, once per version)."""
    if name in KUBERNETES_PROGRAMS:
        return cache.entry("kubernetes", versions.KUBERNETES, _build_kubernetes) / name
    if name == "argocd":
        return cache.entry(name, versions.ARGOCD, _build_argocd) / name
    if name == "traefik":
        return cache.entry(name, versions.TRAEFIK, _build_traefik) / name
    package, version, flags = MODULE_PROGRAMS[name]
    build = partial(gobuild.install, package=package, version=version, flags=flags)
    key = f"{version}-{sha256(flags.encode()).hexdigest()[:8]}" if flags else version
    return cache.entry(name, key, build) / name


def _build_kubernetes(into: Path) -> None:
    version = versions.KUBERNETES
    # Without it every component reports v0.0.0, and the kubelet's version skew check refuses it.
    flags = f"-X k8s.io/component-base/version.gitVersion=v{version}"
    packages = [f"cmd/{program}" for program in KUBERNETES_PROGRAMS]
    gobuild.build(into, "k8s.io/kubernetes", version, packages, flags)


def _build_argocd(into: Path) -> None:
    flags = f"-X {ARGOCD_MODULE}/common.version={versions.ARGOCD}"
    gobuild.build(into, ARGOCD_MODULE, versions.ARGOCD, ["cmd"], flags, name="argocd")


def _build_traefik(into: Path) -> None:
    gobuild.build(into, TRAEFIK_MODULE, versions.TRAEFIK, ["cmd/traefik"], name="traefik")
