"""Which version came before, and what is said where it is not to be had?"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack.errors import StackError
from tests.e2e.stack.previous import HistoryMissing, Released, last_released, previous, tree

NEWER, OLDER = "a" * 40, "b" * 40
RELEASED = f"""# Changelog
## [Unreleased]
- Something that {"c" * 40} brought.
## [0.2.0] - 2026-12-01
Commit {NEWER}.
## [0.1.0] - 2026-11-01
Commit {OLDER}.
"""


def test_the_newest_version_with_a_number_came_before() -> None:
    assert last_released(RELEASED) == Released("0.2.0", NEWER)


def test_the_changelog_of_this_checkout_tells() -> None:
    assert len(previous().commit) == 40


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        ("## [Unreleased]\n- all\n", "no released version"),
        (f"## [0.2.0]\nNew.\n## [0.1.0]\nCommit {OLDER}.\n", "which commit 0.2.0 comes"),
    ],
)
def test_a_changelog_that_does_not_tell_is_an_error(changelog: str, said: str) -> None:
    with pytest.raises(StackError, match=said):
        last_released(changelog)


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of one file, and a link to it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = tmp_path / "repository"
    found.mkdir()
    git(found, "init", "--quiet")
    for content in ("old", "new"):
        (found / "file").write_text(content)
        (found / "link").unlink(missing_ok=True)
        (found / "link").symlink_to("file")
        git(found, "add", ".")
        git(found, "commit", "--quiet", "--message", content)
    return found


def test_its_files_are_those_of_its_commit(repository: Path) -> None:
    old = tree(Released("0.1.0", git(repository, "rev-parse", "HEAD~1")), repository)

    assert (old / "link").read_text() == "old"
    assert (old / "link").is_symlink()


def test_a_shallow_clone_is_told_how_to_bring_the_commit(repository: Path, tmp_path: Path) -> None:
    old = git(repository, "rev-parse", "HEAD~1")
    git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), "shallow")

    with pytest.raises(HistoryMissing, match=f"{old} of version 0.1.0.*git fetch --unshallow"):
        tree(Released("0.1.0", old), tmp_path / "shallow")


def test_without_any_history_that_is_said(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    with pytest.raises(HistoryMissing, match=r"git does not read it: .*not a git repository"):
        tree(Released("0.1.0", OLDER), tmp_path / "plain")
