"""What a person who waits is told of builds: what, how far, how long it still takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import cache
from tests.e2e.cluster.underway import LOG, Underway, parts, underway


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("sentence", "log", "expected"),
    [
        ("nothing is said yet", "", (0, 0)),
        ("an image's build before its compiler", "STEP 1/9: FROM base\n", (0, 0)),
        ("ninja counts", "[1/342] Building a.o\n[134/342] Building b.o\n[135/3", (134, 342)),
        ("each build of it anew", "[342/342] Linking\n[1/7] Building c.o\n", (1, 7)),
        ("Go names what it has compiled", "packages 3\nfmt\nk8s.io/api\n", (2, 3)),
        ("and says more than that, too", "packages 1\nfmt\n# a warning\n", (1, 1)),
    ],
)
def test_how_far_a_log_says_it_is(sentence: str, log: str, expected: tuple[int, int]) -> None:
    assert parts(log) == expected, sentence


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Underway("helm", 0, 0, 130), "helm: 2 min so far"),
        (Underway("kubernetes", 1, 1904, 3), "kubernetes: 1 of 1904"),
        (Underway("kubernetes", 476, 1904, 100), "kubernetes: 476 of 1904, about 5 min left"),
        (Underway("kubernetes", 1900, 1904, 400), "kubernetes: 1900 of 1904, less than a minute"),
    ],
)
def test_a_build_in_words(build: Underway, words: str) -> None:
    assert str(build).startswith(words)


def test_what_somebody_builds_is_seen_while_he_does() -> None:
    def build(into: Path) -> None:
        assert [(each.name, each.done, each.total) for each in underway()] == [("tool", 0, 0)]
        (into / LOG).write_text("packages 4\nfmt\n")
        (seen,) = underway()
        assert (seen.done, seen.total) == (1, 4)
        assert seen.seconds < 3600

    cache.entry("tool", "1.0", build)
    assert underway() == []


def test_an_image_has_the_name_that_people_know() -> None:
    seen: list[str] = []
    cache.entry(
        "images",
        "llama-server-0123abcd",
        lambda _: seen.extend(build.name for build in underway()),
    )
    assert seen == ["llama-server"]


def test_what_a_killed_build_left_is_not_being_built() -> None:
    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("tool", "1.0", killed)
    assert underway() == []
