"""How is an image built without a container engine?

buildah keeps its layers in the cache directory: a changed file rebuilds only what comes after it.
Each call runs in namespaces of its own: neither a process nor a mount of it outlives it, also if we
are killed in the middle.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.e2e.cluster import cache

from . import base, host
from .command import run

_MORTAL: Final = ("setpriv", "--pdeathsig", "KILL")
_APART: Final = ("unshare", "--mount-proc", "--pid", "--fork", "--kill-child")


def command(*words: str) -> list[str]:
    """The command line of one buildah call."""
    storage = cache.root() / "buildah"
    places = ["--root", str(storage / "storage"), "--runroot", str(storage / "run")]
    # Others than root are in a mount namespace of buildah's own anyway.
    apart = _APART if os.geteuid() == 0 else ()
    return [*_MORTAL, *apart, "buildah", *places, *words]


def has(reference: str) -> bool:
    """Is that image in buildah's own storage?"""
    return bool(run(command("images", "--quiet", "--filter", f"reference={reference}")).strip())


def import_base() -> str:
    """Makes the base known to buildah; returns its name."""
    reference = base.reference()
    if base.is_local() and not has(reference):
        container = run(command("from", "scratch")).strip()
        run(command("add", "--quiet", container, str(base.archive())))
        run(command("config", "--cmd", "/bin/sh", container))
        run(command("commit", "--quiet", "--rm", container, reference))
    return reference


def build(
    context: Path, dockerfile: str, reference: str, args: Mapping[str, str], log: Path
) -> None:
    """Builds the Dockerfile in `context` under the name `reference`."""
    with ExitStack() as stack:
        # Beside the log: whoever removes what a killed build left there removes this, too.
        site = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="site-", dir=log.parent))
        )
        words = ["bud", "--isolation", "chroot", "--network", "host", "--layers"]
        words += ["--file", str(context / dockerfile), "--tag", reference]
        for name, value in args.items():
            words += ["--build-arg", f"{name}={value}"]
        words += _site_words(site)
        run(["nice", *command(*words, str(context))], log=log)


def save(reference: str, archive: Path) -> None:
    """Writes the image as an archive that containerd and Docker import under its name."""
    run(command("push", "--quiet", reference, f"docker-archive:{archive}:{reference}"))


def tidy() -> None:
    """Removes what a killed build left half done. The caller holds the builder's lock."""
    run(command("rm", "--all"))


def forget(reference: str) -> None:
    """Removes the image from buildah's own storage, if it is there."""
    if has(reference):
        run(command("rmi", reference))


def _site_words(site: Path) -> list[str]:
    """What this machine's network needs, handed in so that it stays out of the image."""
    (site / "pip.conf").write_text(host.pip_options())
    words = ["--secret", f"id=pip,src={site / 'pip.conf'}"]
    if bundle := host.ca_bundle():
        words += ["--secret", f"id=ca,src={bundle}"]
    if base.is_local():
        (site / "sources.list").write_text(host.apt_sources(base.RELEASE))
        (site / "apt.conf").write_text(host.apt_options())
        for name in ("sources.list", "apt.conf"):
            words += ["--volume", f"{site / name}:/etc/apt/{name}:ro"]
    return words
