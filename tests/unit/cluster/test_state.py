"""Whose cluster is this, and what is left of one that nobody owns?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import state
from tests.e2e.cluster.errors import ClusterError


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "BASE", tmp_path / "clusters")
    return state.BASE


def test_a_claimed_cluster_has_an_owner_and_no_second_one(base: Path) -> None:
    with state.claimed("unit-mine") as directory:
        (directory / "supervisor").write_text("4711")
        assert state.supervisor("unit-mine") == 4711
        with pytest.raises(ClusterError, match="running already"), state.claimed("unit-mine"):
            pass
        assert state.remove_stale() == []
        assert directory.exists()
    assert not base.exists()


def test_what_a_killed_owner_left_is_removed(base: Path) -> None:
    left = base / "unit-dead"
    (left / "volumes").mkdir(parents=True)
    (left / "lock").touch()
    assert state.supervisor("unit-dead") is None
    assert state.remove_stale() == ["unit-dead"]
    assert not base.exists()


def test_one_that_never_was_has_no_owner() -> None:
    assert state.supervisor("unit-none") is None
    assert state.remove_stale() == []
