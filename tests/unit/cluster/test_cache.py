"""A cached thing is built once, and is complete or not there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.e2e.cluster import cache


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_lies_under_the_users_cache(home: Path) -> None:
    assert cache.entry("tool", "1.0", lambda _: None) == home / "llm-stack" / "tool" / "1.0"


def test_it_is_built_once_by_however_many_ask() -> None:
    built: list[Path] = []
    together = threading.Barrier(4)

    def build(into: Path) -> None:
        built.append(into)
        (into / "file").write_text("content")

    def ask() -> None:
        together.wait()
        assert (cache.entry("tool", "1.0", build) / "file").read_text() == "content"

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_build_that_failed_leaves_nothing_that_is_taken_for_complete() -> None:
    def fail(into: Path) -> None:
        (into / "half").touch()
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError):
        cache.entry("tool", "1.0", fail)
    published = cache.entry("tool", "1.0", lambda into: (into / "file").touch())
    assert [path.name for path in published.iterdir()] == ["file"]


def test_versions_live_side_by_side() -> None:
    assert cache.entry("tool", "1.0", lambda _: None) != cache.entry("tool", "2.0", lambda _: None)
