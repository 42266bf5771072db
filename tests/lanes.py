"""`python -m tests.lanes`: all integration and end-to-end tests, in lanes beside each other.

Most of these tests wait: for pods, for streams, for an autoscaler's next look. So lanes of them
share two cores well. Each lane is a pytest of its own, and has nothing in common with the others
but what is built and cached, behind the locks of e2e/cluster/cache.py.

    node   tests on the cluster of the run, one after the other: they share its release
    host   tests against an API server alone, and those that bring a cluster of their own

The first lane is shown as it runs, each other one when all have ended. One that fails stops no
other.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

OWN_CLUSTER = (
    "tests/e2e/argocd",
    "tests/e2e/lifecycle",
    "tests/e2e/test_cluster_command.py",
    "tests/e2e/test_leaves_nothing.py",
    "tests/e2e/test_make_up.py",
)
LANES: Mapping[str, Sequence[str]] = {
    "node": ("tests/e2e", *(f"--ignore={path}" for path in OWN_CLUSTER)),
    "host": ("tests/integration", *OWN_CLUSTER),
}
PYTEST = (sys.executable, "-m", "pytest")


@dataclass
class Lane:
    """A program at work; what it says goes into `log`, or to the terminal where that is None."""

    name: str
    process: subprocess.Popen[bytes]
    log: IO[bytes] | None

    @classmethod
    def start(cls, name: str, command: Sequence[str], shown: bool) -> Lane:
        log = None if shown else tempfile.TemporaryFile()  # noqa: SIM115  (closed by `show`)
        return cls(name, subprocess.Popen(command, stdout=log, stderr=log), log)

    def show(self) -> None:
        """Prints what it said, if nobody has seen it."""
        if self.log is None:
            return
        with self.log as log:
            log.seek(0)
            print(f"\n== lane {self.name}", flush=True)
            shutil.copyfileobj(log, sys.stdout.buffer)
            sys.stdout.flush()


def run(lanes: Mapping[str, Sequence[str]], program: Sequence[str] = PYTEST) -> int:
    """Runs `program` with the arguments of each lane; the exit status of the first that failed."""
    started = [
        Lane.start(name, [*program, *arguments], shown=number == 0)
        for number, (name, arguments) in enumerate(lanes.items())
    ]
    try:
        statuses = [lane.process.wait() for lane in started]
    except KeyboardInterrupt:
        # The terminal told all of them; each takes down what it started.
        statuses = [lane.process.wait() for lane in started] + [130]
    for lane in started:
        lane.show()
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(run(LANES))
