"""Who owns the node, and cleans up after it however it ends?

The supervisor runs on the host. It starts the node and removes all of it when

- it gets SIGTERM or SIGINT,
- the node ends by itself (a crash, a kill), or
- whoever started it dies, which closes the pipe that is its standard input. The word `keep` on
  that pipe sets it free: `make up` says so once the cluster is ready.

When the supervisor itself is killed, the kernel kills the node with it; its control groups and
files are removed by the next start or stop (`state.remove_stale`).
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from types import FrameType

from . import cgroups, state
from .processes import Program

KEEP = b"keep"


def main(name: str, log: Path) -> None:
    """Runs one cluster until one of the reasons above ends it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    with state.claimed(name) as directory:
        (directory / "supervisor").write_text(str(os.getpid()))
        cgroups.make(name)
        node = _node(name, directory, log)
        node.start()
        try:
            _wait_for_end(node)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            # Process 1 of a namespace heeds no other signal; the rest of the node dies with it.
            node.stop(signal.SIGKILL)


def _node(name: str, directory: Path, log: Path) -> Program:
    namespaces = ["unshare", "--net", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child"]
    # catatonit reaps what is orphaned in the node, as process 1 has to.
    init = ["catatonit", "--"]
    command = [sys.executable, "-m", f"{__package__}.node", str(directory), name]
    return Program([*namespaces, *init, *command], log, {state.MARK: name})


def _wait_for_end(node: Program) -> None:
    events = select.poll()
    with node.ended_when_readable() as ended:
        events.register(ended, select.POLLIN)
        events.register(sys.stdin, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in events.poll()}
            if ended in ready:
                return
            if os.read(sys.stdin.fileno(), len(KEEP)) != KEEP:
                return
            events.unregister(sys.stdin)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
