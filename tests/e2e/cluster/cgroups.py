"""Which control groups belong to one cluster, and how do they go away?

The kubelet deletes the pods of any control group under its root that it does not know. So every
cluster has a root of its own, in each hierarchy: `/sys/fs/cgroup/CONTROLLER/NAME` on version 1
hosts, `/sys/fs/cgroup/NAME` on version 2 hosts.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .processes import wait_until

MOUNTED = Path("/sys/fs/cgroup")
# A new cpuset group of version 1 has no processors and no memory, and accepts no process.
INHERITED = ("cpuset.cpus", "cpuset.mems")


def make(name: str) -> None:
    """Makes the cluster's root in every hierarchy."""
    for group in roots(name):
        group.mkdir(exist_ok=True)
        for setting in INHERITED:
            if (group / setting).exists() and not is_version_2():
                (group / setting).write_text((group.parent / setting).read_text())
    if is_version_2():
        # A controller reaches the kubelet's groups only where each level above passes it on.
        for group in (MOUNTED, MOUNTED / name):
            for controller in (group / "cgroup.controllers").read_text().split():
                # One by one: some cannot be passed on everywhere, and the kubelet says which it
                # misses.
                with suppress(OSError):
                    (group / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(name: str, seconds: float = 20.0) -> None:
    """Kills what runs in the cluster's groups and removes them, the deepest first."""

    def removed() -> bool:
        for group in list(existing(name)):
            _kill(group)
            with suppress(OSError):  # busy until its processes are gone
                group.rmdir()
        return not any(existing(name))

    wait_until(removed, f"the control groups of {name} to become empty", seconds)


def roots(name: str) -> list[Path]:
    """Where is the cluster's root in every hierarchy of this host?"""
    if is_version_2():
        return [MOUNTED / name]
    # `cpu` may be a symlink to `cpu,cpuacct`.
    hierarchies = {path.resolve() for path in MOUNTED.iterdir() if path.is_dir()}
    return [path / name for path in sorted(hierarchies)]


def existing(name: str) -> Iterator[Path]:
    """The cluster's groups, children before their parents."""
    for root in roots(name):
        for directory, _, _ in os.walk(root, topdown=False):
            yield Path(directory)


def is_version_2() -> bool:
    return (MOUNTED / "cgroup.controllers").exists()


def _kill(group: Path) -> None:
    with suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
