"""Which version came before this one, and how is it had?

CHANGELOG.md names its commit. From that commit come its chart and, built as its own files say, its
operator. Its llama-server is not built again: the one of this checkout serves it too.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.cluster import cache
from tests.e2e.images import Image, build_recipe, recipes

from .errors import StackError
from .release import ROOT

_SECTION = re.compile(r"^## \[(\d+\.\d+\.\d+)\].*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")


class HistoryMissing(StackError):
    """This checkout has not got the commit of the version before."""


@dataclass(frozen=True)
class Released:
    """A version that was released, and from which commit."""

    number: str
    commit: str


def last_released(changelog: str) -> Released:
    """The newest version of a changelog that has a number."""
    section = _SECTION.search(changelog)
    if section is None:
        raise StackError("CHANGELOG.md has no released version: a section `## [1.2.3] - DATE`.")
    number, commit = section[1], _COMMIT.search(section[0])
    if commit is None:
        raise StackError(f"CHANGELOG.md does not say from which commit {number} comes: name it.")
    return Released(number, commit[0])


def tree(released: Released, repository: Path = ROOT) -> Path:
    """Its files, as they were committed."""
    return cache.entry("releases", released.commit, partial(_extract, released, repository))


def chart(released: Released) -> Path:
    """Its chart."""
    return tree(released) / "charts" / "llm-stack"


def operator(released: Released) -> Image:
    """Its operator, built at most once."""
    return build_recipe(recipes.operator(tree(released), "previous-operator"))


def previous() -> Released:
    """The version before this checkout's."""
    return last_released((ROOT / "CHANGELOG.md").read_text())


def _extract(released: Released, repository: Path, directory: Path) -> None:
    if _git(repository, "cat-file", "-e", f"{released.commit}^{{commit}}").returncode != 0:
        raise HistoryMissing(_missing(released, repository))
    done = _git(repository, "archive", "--format=tar", released.commit)
    if done.returncode != 0:
        raise StackError(f"git archive {released.commit}: {done.stderr.decode()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(directory, filter="data")


def _missing(released: Released, repository: Path) -> str:
    asked = _git(repository, "rev-parse", "--is-shallow-repository")
    what = {
        "true": "`git fetch --unshallow` brings the history",
        "false": "`git fetch --all` may bring it",
    }.get(asked.stdout.decode().strip(), f"git does not read it: {asked.stderr.decode().strip()}")
    return (
        f"The commit {released.commit} of version {released.number}, which CHANGELOG.md names, is "
        f"not to be had in {repository}: {what}."
    )


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, check=False)
