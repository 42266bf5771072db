"""Conditions are followed, not asked for: stale ones are left out, an ended watch begins anew."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from tests.e2e.stack.follow import Conditions, conditions


def kubectl(directory: Path, *lines: str) -> list[str]:
    """A kubectl whose watch shows these lines and then ends."""
    text = "".join(f"{line}\n" for line in lines)
    (directory / "lines").write_text(text)
    return ["sh", "-c", f"cat {directory / 'lines'}", "kubectl"]


def ready(status: str, generation: int) -> dict[str, object]:
    return {"type": "Ready", "status": status, "observedGeneration": generation}


def seen(command: list[str], count: int, seconds: float = 30.0) -> list[Conditions]:
    return list(itertools.islice(conditions(command, "default", "x", seconds), count))


def test_each_change_is_seen(tmp_path: Path) -> None:
    no, yes = ready("False", 1), ready("True", 1)
    command = kubectl(tmp_path, f"1 {json.dumps([no])}", f"1 {json.dumps([yes])}")

    assert seen(command, 2) == [{"Ready": no}, {"Ready": yes}]


def test_before_the_first_pass_there_is_none(tmp_path: Path) -> None:
    assert seen(kubectl(tmp_path, "1 "), 1) == [{}]


def test_what_was_said_of_an_older_spec_is_no_answer(tmp_path: Path) -> None:
    stale = json.dumps([ready("True", 1)])

    assert seen(kubectl(tmp_path, f"2 {stale}"), 1) == [{}]


def test_a_watch_that_ended_begins_anew(tmp_path: Path) -> None:
    assert seen(kubectl(tmp_path, "1 "), 2) == [{}, {}]


def test_it_ends_when_the_time_is_up() -> None:
    silent = ["sh", "-c", "exec sleep 600", "kubectl"]

    assert list(conditions(silent, "default", "x", 0.2)) == []
