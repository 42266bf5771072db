"""Are the Debian packages that the cluster needs installed? If not, install them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from . import cache
from .errors import MissingTool


def ensure(needed: Mapping[str, str]) -> None:
    """Makes every command of `needed` (command or file -> Debian package) available."""
    packages = missing(needed)
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingTool(advice(packages))
    with cache.locked(cache.root() / ".apt.lock"):
        _install(missing(needed))


def missing(needed: Mapping[str, str]) -> list[str]:
    """Which packages have to be installed, sorted and each once?"""
    return sorted({package for command, package in needed.items() if not _present(command)})


def advice(packages: Iterable[str]) -> str:
    """What does a person do about packages that we cannot install?"""
    names = " ".join(packages)
    return (
        f"These Debian packages are missing: {names}. "
        f"Install them as root (`apt-get install --no-install-recommends {names}`), "
        "or run this again as root on Debian 12, where it is done for you."
    )


def _present(command: str) -> bool:
    # Daemons lie in sbin, which is not on every user's PATH.
    places = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return Path(command).exists() if "/" in command else bool(shutil.which(command, path=places))


def _install(packages: list[str]) -> None:
    if not packages:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Packages such as etcd-server start a service when they are installed: this policy forbids it.
    with _no_services():
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise MissingTool(f"{advice(packages)}\n{done.stdout}{done.stderr}")


@contextmanager
def _no_services() -> Iterator[None]:
    """While it lasts, Debian's maintainer scripts start no service."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
