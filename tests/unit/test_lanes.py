"""Does every test have a lane, and does none fail unseen in one?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.lanes import LANES, run

ROOT = Path(__file__).parents[2]
PYTHON = (sys.executable, "-c")


def files_of(arguments: list[str]) -> set[Path]:
    """The test files that pytest finds by these arguments."""
    ignored = {ROOT / each.removeprefix("--ignore=") for each in arguments if each.startswith("-")}
    named = [ROOT / each for each in arguments if not each.startswith("-")]
    assert all(path.exists() for path in (*named, *ignored))
    found = {
        file for path in named for file in (path.rglob("test_*.py") if path.is_dir() else [path])
    }
    return {file for file in found if not ignored & {file, *file.parents}}


def test_every_file_of_tests_is_in_one_lane() -> None:
    lanes = [files_of(list(arguments)) for arguments in LANES.values()]
    every = {file for part in ("integration", "e2e") for file in files_of([f"tests/{part}"])}

    assert set().union(*lanes) == every
    assert sum(map(len, lanes)) == len(every)


STATUSES = [
    ("all pass", (0, 0, 0), 0),
    ("the one that is shown fails", (3, 0, 0), 3),
    ("one that is not shown fails", (0, 4, 0), 4),
    ("two fail", (0, 4, 5), 4),
]


@pytest.mark.parametrize(("_what", "statuses", "status"), STATUSES, ids=[s[0] for s in STATUSES])
def test_the_run_fails_as_its_first_lane_that_failed(
    _what: str, statuses: tuple[int, ...], status: int
) -> None:
    lanes = {f"lane-{n}": (f"raise SystemExit({each})",) for n, each in enumerate(statuses)}

    assert run(lanes, PYTHON) == status


def test_what_the_lanes_say_comes_whole_and_the_first_one_first(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    lanes = {
        "shown": ("print('first')",),
        "other": ("import sys; print('second'); print('third', file=sys.stderr)",),
    }

    run(lanes, PYTHON)

    said = capfdbinary.readouterr().out.decode()
    assert [line for line in said.splitlines() if line] == [
        "first",
        "== lane other",
        "second",
        "third",
    ]
