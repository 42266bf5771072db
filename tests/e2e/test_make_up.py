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

from tests.e2e.cluster import residue, state
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack import curl, source
from tests.e2e.stack.fixtures import all_images
from tests.e2e.stack.images import references
from tests.e2e.stack.release import ROOT

STEPS = ("cluster", "images on the node", "helm upgrade", "model source", "sample is Ready")


class Checkout:
    """A directory in which `make up` puts its `.cluster`, and the environment it runs with."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment

    def kubectl(self, *arguments: str) -> str:
        """What kubectl printed, as the closing lines of `up` say to call it."""
        home = self.directory / ".cluster"
        command = [home / "bin" / "kubectl", f"--kubeconfig={home / 'kubeconfig'}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

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
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Built, but not up; after the tests all of it must be gone, here and on the host."""
    all_images()
    state.remove_stale()
    before = residue.snapshot()
    found = Checkout(tmp_path_factory.mktemp("checkout"))
    yield found
    found.run("down")
    assert not list(found.directory.iterdir()), "make down left something"
    wait_until(lambda: not residue.snapshot() - before, "the host to be as it was", seconds=30)


def curl_line(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("curl "))


def test_it_is_killed_at_every_step_and_ends_with_an_answer_all_the_same(
    checkout: Checkout,
) -> None:
    for step in STEPS:
        checkout.kill_at(step)

    said = checkout.run("up")

    assert "sea" in curl.answer(curl_line(said))
    assert "already running" in said


def test_on_an_existing_cluster_only_its_release_comes_and_goes(
    checkout: Checkout, tmp_path: Path
) -> None:
    """The cluster of the test before, now as somebody else's; the CRD and the sample are theirs."""
    built = references(all_images())
    theirs = Checkout(
        tmp_path,
        CLUSTER="existing",
        KUBECONFIG=str(checkout.directory / ".cluster" / "kubeconfig"),
        OPERATOR_IMAGE=built.operator,
        LLAMA_SERVER_IMAGE=built.llama_server,
        SAMPLE_MODEL_IMAGE=built.sample_model,
        HF_ENDPOINT="http://127.0.0.1:1",
    )
    checkout.kubectl("create", "namespace", "other")
    checkout.kubectl("apply", "--namespace=other", "--filename", str(source.SAMPLE))

    said = theirs.run("up")
    answer = curl.answer(curl_line(said))
    gone = theirs.run("down")

    assert "sea" in answer
    assert "Using the existing cluster of the context" in said
    assert "release" in gone
    assert not list(tmp_path.iterdir())
    assert "smollm2" in checkout.kubectl("get", "llmd", "--namespace=other", "--output=name")
    assert not checkout.kubectl("get", "llmd", "--namespace=default", "--output=name")
    mine = ("get", "deployments,services", "--namespace=llm-stack", "--output=name")
    assert not checkout.kubectl(*mine)


def test_down_where_nothing_is_up_says_so(tmp_path: Path) -> None:
    said = Checkout(tmp_path).run("down")

    assert "none was started from here" in said
