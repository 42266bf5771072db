"""How does an image run without a cluster, as strictly as a restricted pod?

runc alone: user and environment of the image, read-only root, no capability, no new privileges, a
/tmp of its own, and the host's network, of which tests use loopback.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.cluster import packages

from .builder import Image
from .errors import ImageError
from .unpack import configuration, root_filesystem

PACKAGES: Final = {"runc": "runc"}
_CAPABILITY_SETS: Final = ("bounding", "effective", "inheritable", "permitted", "ambient")


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def exec(
        self, *words: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside, as the container's user, like an exec probe."""
        given = [f"--env={name}={value}" for name, value in (env or {}).items()]
        command = ["runc", "exec", *given, self.name, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def pid(self, command: str) -> int:
        """The host's number of the process that runs `command` inside."""
        listed = subprocess.run(
            ["runc", "ps", "--format", "json", self.name],
            capture_output=True,
            text=True,
            check=True,
        )
        for pid in json.loads(listed.stdout):
            if Path(f"/proc/{pid}/comm").read_text().strip() == command:
                return int(pid)
        raise ImageError(f"no {command} runs in the container:\n{self.log.read_text()}")

    def signal(self, name: str) -> None:
        """Sends a signal to the container's process 1."""
        subprocess.run(["runc", "kill", self.name, name], check=True)


@contextmanager
def running(
    image: Image,
    args: Sequence[str],
    env: Mapping[str, str] | None = None,
    mounts: Mapping[Path, str] | None = None,
) -> Iterator[Container]:
    """The image's entrypoint with `args`; `mounts` are read-only (host path -> path inside)."""
    packages.ensure(PACKAGES)
    name = f"llm-stack-{uuid.uuid4().hex[:12]}"
    bundle = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    try:
        spec = _specification(image, args, env or {}, mounts or {}, name)
        (bundle / "config.json").write_text(json.dumps(spec))
        log = bundle / "log"
        with log.open("wb") as output:
            command = ["runc", "run", "--bundle", str(bundle), name]
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield Container(name, process, log)
        finally:
            subprocess.run(["runc", "kill", name, "KILL"], capture_output=True, check=False)
            process.wait(timeout=30)
            subprocess.run(["runc", "delete", "--force", name], capture_output=True, check=False)
    finally:
        shutil.rmtree(bundle)


def _specification(
    image: Image,
    args: Sequence[str],
    env: Mapping[str, str],
    mounts: Mapping[Path, str],
    name: str,
) -> dict[str, Any]:
    config = configuration(image)
    uid, _, gid = config["User"].partition(":")
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(root_filesystem(image)), "readonly": True},
        "process": {
            "user": {"uid": int(uid), "gid": int(gid)},
            "cwd": config.get("WorkingDir", "/"),
            "env": [*config["Env"], *(f"{key}={value}" for key, value in env.items())],
            "args": [*config["Entrypoint"], *args],
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in _CAPABILITY_SETS},
        },
        "mounts": [*_own_mounts(), *(_bind(*pair) for pair in mounts.items())],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
            "cgroupsPath": f"/{name}",
        },
    }


def _own_mounts() -> list[dict[str, Any]]:
    tmpfs = ["nosuid", "nodev", "mode=1777"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": tmpfs},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": tmpfs},
    ]


def _bind(source: Path, destination: str) -> dict[str, Any]:
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": ["rbind", "ro"],
    }
