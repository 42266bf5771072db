"""How is a Go program built from its published module, with CGO off and without its repository?

`go install` does it, unless the module's go.mod replaces others: then Go refuses, because a main
module alone may replace. `build` makes such a main module.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .errors import BuildFailed, MissingTool
from .underway import LOG

OLDEST_GO = (1, 24)


def install(into: Path, package: str, version: str, flags: str = "") -> None:
    """Puts the program of a package into `into`; `flags` are the linker's."""
    named = f"{package}@v{version}"
    command = ["install", "-trimpath", f"-ldflags=-s -w {flags}", named]
    _go(command, log=into / LOG, GOBIN=str(into))


def build(
    into: Path, module: str, version: str, packages: list[str], flags: str = "", name: str = ""
) -> None:
    """Builds packages of a module that replaces others; the program of a single one as `name`."""
    source = into / "source"
    source.mkdir()
    (source / "go.mod").write_text(main_module(module, version, _their_go_mod(module, version)))
    programs = [f"{module}/{package}" for package in packages]
    # One build for all: they share most packages, and the linker runs beside the compiler.
    options = ["-mod=mod", "-trimpath", f"-ldflags=-s -w {flags}", "-o", f"{into}/{name}"]
    needed = _go(["list", "-mod=mod", "-deps", *programs], cwd=source).count("\n")
    (into / LOG).write_text(f"packages {needed}\n")
    _go(["build", "-v", *options, *programs], cwd=source, log=into / LOG)
    shutil.rmtree(source)


def main_module(module: str, version: str, theirs: dict[str, Any]) -> str:
    """Which go.mod builds programs of `module`, whose own go.mod (as JSON) is `theirs`?

    It repeats what theirs replaces. Where that is a directory of their repository, as all staging
    modules of Kubernetes are, the same module is published as v0.MINOR.PATCH.
    """
    published = "v0." + version.split(".", 1)[1]
    lines = ["module llmstack.dev/cluster", f"go {theirs['Go']}"]
    lines.append(f"require {module} v{version}")
    for replacement in theirs.get("Replace") or ():
        old, new = replacement["Old"]["Path"], replacement["New"]
        path, at = (new["Path"], new["Version"]) if "Version" in new else (old, published)
        lines.append(f"replace {old} => {path} {at}")
    return "\n".join(lines) + "\n"


def module_directory(module: str, version: str) -> Path:
    """Where is the source of a module? Downloaded where it is not there yet."""
    return Path(_download(module, version)["Dir"])


def _their_go_mod(module: str, version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        _go(["mod", "edit", "-json", _download(module, version)["GoMod"]])
    )
    return found


def _download(module: str, version: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_go(["mod", "download", "-json", f"{module}@v{version}"]))
    return found


def _go(
    arguments: list[str], cwd: Path | None = None, log: Path | None = None, **environment: str
) -> str:
    """What Go prints. What it says beside goes into `log`, if one is given, while it works."""
    with log.open("a+") if log else tempfile.TemporaryFile("w+") as beside:
        # Niced, because a build of minutes should not slow down what a person does meanwhile.
        done = subprocess.run(
            ["nice", _go_command(), *arguments],
            cwd=cwd,
            env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"} | environment,
            stdout=subprocess.PIPE,
            stderr=beside,
            text=True,
            check=False,
        )
        beside.seek(0)
        said = beside.read().splitlines()
    if done.returncode != 0:
        tail = "\n".join(said[-15:])
        raise BuildFailed(
            f"`go {' '.join(arguments)}` failed. Is the Go module proxy reached, and is there "
            f"room for about 5 GiB of build cache? Its last lines:\n{tail}"
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
