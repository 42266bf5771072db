"""Where is a program of the cluster? Built from its Go module if nobody has built it yet.

Programs on the PATH are never used: their version would differ from machine to machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import cache, versions
from .errors import BuildFailed, MissingTool

KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
# program -> (package to install, its version, linker flags)
MODULE_PROGRAMS = {
    "coredns": ("github.com/coredns/coredns", versions.COREDNS, ""),
    "helm": (
        "helm.sh/helm/v3/cmd/helm",
        versions.HELM,
        f"-X helm.sh/helm/v3/internal/version.version=v{versions.HELM}",
    ),
    "kind": ("sigs.k8s.io/kind", versions.KIND, ""),
}
OLDEST_GO = (1, 24)


def binary(name: str) -> Path:
    """Where is the program `name`? Builds it first where needed (minutes, once per version)."""
    if name in KUBERNETES_PROGRAMS:
        return cache.entry("kubernetes", versions.KUBERNETES, _build_kubernetes) / name
    package, version, flags = MODULE_PROGRAMS[name]

    def build(into: Path) -> None:
        go(
            ["install", "-trimpath", f"-ldflags=-s -w {flags}", f"{package}@v{version}"],
            GOBIN=str(into),
        )

    return cache.entry(name, version, build) / name


def _build_kubernetes(into: Path) -> None:
    # One build for all: they share most packages, and the linker runs beside the compiler.
    source = into / "source"
    source.mkdir()
    (source / "go.mod").write_text(_kubernetes_go_mod())
    version = f"v{versions.KUBERNETES}"
    # Without it every component reports v0.0.0, and the kubelet's version skew check refuses it.
    flags = f"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion={version}"
    packages = [f"k8s.io/kubernetes/cmd/{program}" for program in KUBERNETES_PROGRAMS]
    go(["build", "-mod=mod", "-trimpath", flags, "-o", f"{into}/", *packages], cwd=source)
    shutil.rmtree(source)


def _kubernetes_go_mod() -> str:
    """What go.mod builds programs of k8s.io/kubernetes, which cannot be installed by `go install`?

    Its go.mod replaces every staging module by a directory of its own repository. The same modules
    are published as v0.MINOR.PATCH, and a main module may say so.
    """
    module = f"k8s.io/kubernetes@v{versions.KUBERNETES}"
    downloaded = json.loads(go(["mod", "download", "-json", module]))
    theirs = json.loads(go(["mod", "edit", "-json", downloaded["GoMod"]]))
    published = "v0." + versions.KUBERNETES.split(".", 1)[1]
    lines = ["module llmstack.dev/cluster", f"go {theirs['Go']}"]
    lines.append(f"require k8s.io/kubernetes v{versions.KUBERNETES}")
    for replacement in theirs["Replace"]:
        staging = replacement["Old"]["Path"]
        lines.append(f"replace {staging} => {staging} {published}")
    return "\n".join(lines) + "\n"


def go(arguments: list[str], cwd: Path | None = None, **environment: str) -> str:
    """What go printed; BuildFailed with its last lines where it failed."""
    # Niced, because a build of minutes should not slow down what a person does meanwhile.
    done = subprocess.run(
        ["nice", _go_command(), *arguments],
        cwd=cwd,
        env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-15:])
        raise BuildFailed(
            f"`go {' '.join(arguments)}` failed. Is the Go module proxy reached, and is there "
            f"room for about 4 GiB of build cache? Its last lines:\n{tail}"
        )
    return done.stdout


def _go_command() -> str:
    found = shutil.which("go", path=os.environ.get("PATH", "") + ":/usr/local/go/bin")
    wanted = ".".join(map(str, OLDEST_GO))
    if found is None:
        raise MissingTool(f"Go {wanted} or newer is needed to build the cluster; put it on PATH.")
    said = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=True)
    version = re.match(r"go(\d+)\.(\d+)", said.stdout)
    if version and tuple(map(int, version.groups())) < OLDEST_GO:
        raise MissingTool(f"Go {wanted} or newer is needed; {found} is {said.stdout.strip()}.")
    return found
