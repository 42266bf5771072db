"""What is built before it is needed? Everything that a run of all tests will ask for.

`while_preparing` runs a command and builds beside it. Whoever needs something that is still being
built waits for it (cache.py locks), and whoever comes first builds it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from tests.e2e import images as builder
from tests.e2e.cluster import cache
from tests.e2e.cluster.binaries import PROGRAMS, binary

from .images import Build


def prepare() -> int:
    """Builds all programs and images; the exit status."""
    build = Build()
    for name in PROGRAMS:
        binary(name)
    build.wait()
    builder.build("argocd")
    return 0


def while_preparing(command: Sequence[str]) -> int:
    """Runs the command, building everything beside it; the command's exit status."""
    log = cache.root() / "prepare.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        beside = subprocess.Popen(
            ["nice", sys.executable, "-m", __package__, "prepare"],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        # Its compilers too: the session is the group.
        with suppress(ProcessLookupError):
            os.killpg(beside.pid, signal.SIGTERM)
        beside.wait()
