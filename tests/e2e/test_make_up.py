"""`make up` can be killed at any step and run again; `make down` leaves nothing.

A cluster of its own, in a directory of its own: what the run's cluster holds is not touched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import curl
from tests.e2e.stack.fixtures import all_images
from tests.e2e.stack.release import ROOT

STEPS = ("cluster", "images on the node", "helm upgrade", "model source", "sample is Ready")


class Checkout:
    """A directory in which `make up` puts its `.cluster`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, command: str) -> str:
        """What the command printed; it must end well."""
        with self.start(command) as process:
            output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        return output

    def kill_at(self, step: str) -> None:
        """Starts `up` and kills it when it has begun this step."""
        with self.start("up") as process:
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                seen.append(line)
                if re.match(rf"\[.*\] {step}.* \.\.\.$", line):
                    process.kill()
                    return
        raise AssertionError(f"it never came to {step}:\n{''.join(seen)}")

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.stack", command],
            cwd=self.directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    all_images()
    found = Checkout(tmp_path)
    yield found
    found.run("down")
    assert not list(tmp_path.iterdir()), "make down left something"


def test_it_is_killed_at_every_step_and_ends_with_an_answer_all_the_same(
    checkout: Checkout,
) -> None:
    for step in STEPS:
        checkout.kill_at(step)

    said = checkout.run("up")
    line = next(line for line in said.splitlines() if line.startswith("curl "))

    assert "sea" in curl.answer(line)
    assert "cluster: already done" in said


def test_down_where_nothing_is_up_says_so(tmp_path: Path) -> None:
    said = Checkout(tmp_path).run("down")

    assert "cluster: already done" in said
