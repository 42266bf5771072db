"""What does this machine know about its networks that a build has to know, too?

Package sources, proxies and certificates differ from site to site. They are read from the host,
handed to a build from outside (mounted files, secrets), and never become part of an image.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from .command import run
from .errors import ImageError

_CA_BUNDLES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_APT_OPTIONS: Final = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
_PIP_OPTIONS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def is_debian(release: str) -> bool:
    """Does this machine itself run that release of Debian?"""
    file = Path("/etc/os-release")
    lines = file.read_text().splitlines() if file.exists() else []
    return "ID=debian" in lines and f"VERSION_CODENAME={release}" in lines


def apt_sources(release: str) -> str:
    """Where does this machine get Debian's own packages, as lines of a sources.list?"""
    sources = _known_sources(release)
    if not sources:
        run(["apt-get", "update", "-qq"])
        sources = _known_sources(release)
    if not sources:
        raise ImageError(
            f"apt on this machine knows no source of Debian {release}. Add one to its sources."
        )
    return "".join(f"{line}\n" for line in sources)


def _known_sources(release: str) -> list[str]:
    line = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", line]
    lines = run([*command, "Created-By: Packages", "Origin: Debian"]).splitlines()
    return sorted({line for line in lines if line.split()[2].startswith(release)})


def apt_options() -> str:
    """How does this machine's apt reach its sources (proxies, retries, clocks), as apt.conf?"""
    lines = run(["apt-config", "dump", "--no-empty", "Acquire"]).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(_APT_OPTIONS))


def pip_options() -> str:
    """Which index does this machine's pip use, and how does it reach it, as pip.conf?"""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return "[global]\n" + "".join(pip_lines(listed.stdout))


def pip_lines(listed: str) -> list[str]:
    """Which lines of `pip config list` concern the way to the index, as lines of a pip.conf?"""
    lines = []
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in _PIP_OPTIONS:
            lines.append(f"{option} = {value.strip(chr(39))}\n")
    return lines


def ca_bundle() -> Path | None:
    """Which certificates does this machine trust? Those of a TLS-inspecting proxy, too."""
    named = [os.environ[name] for name in ("PIP_CERT", "SSL_CERT_FILE") if os.environ.get(name)]
    return next((Path(p) for p in (*named, *_CA_BUNDLES) if Path(p).is_file()), None)
