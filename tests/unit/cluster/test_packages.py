"""Which Debian packages are missing, and what is said about them?"""

from __future__ import annotations

import os

import pytest

from tests.e2e.cluster import packages
from tests.e2e.cluster.errors import MissingTool

NOT_THERE = {"no-such-command": "one", "/no/such/file": "two", "nor-this": "one"}


def test_each_missing_package_is_named_once() -> None:
    assert packages.missing({"sh": "dash", "/bin/sh": "dash"} | NOT_THERE) == ["one", "two"]


def test_what_is_there_is_not_installed_again() -> None:
    packages.ensure({"sh": "dash"})


def test_who_is_not_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingTool, match="apt-get install --no-install-recommends one two"):
        packages.ensure(NOT_THERE)
