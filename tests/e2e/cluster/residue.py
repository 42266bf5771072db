"""What is on this host that a cluster could leave behind? Compared before and after.

    before = residue.snapshot()
    …
    assert residue.snapshot() - before == frozenset()

A snapshot is a set of sentences, so that a difference reads as what was left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from . import cache, cgroups, state

# The kubelet sets these; a cluster must leave the host's as they are.
KERNEL_SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
FORWARDING = ("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet")
# Images may be built at the same time; what their builder mounts is its own affair.
BUILDERS = (cache.root(), Path("/var/lib/containers"), Path("/var/tmp"))


def snapshot() -> frozenset[str]:
    """What is there now: processes, mounts, control groups, interfaces, rules, files, settings.

    Clusters that a supervisor looks after are left out: they may come and go meanwhile.
    """
    alive = tuple(path.parent.name for path in state.BASE.glob("*/lock"))
    alive = tuple(name for name in alive if state.supervisor(name) is not None)
    parts = (_processes, _mounts, _cgroups, _interfaces, _rules, _files, _settings)
    found = (sentence for part in parts for sentence in part())
    return frozenset(sentence for sentence in found if not any(name in sentence for name in alive))


def _processes() -> Iterator[str]:
    """What carries a cluster's name in its environment, or runs in a pod of a cluster."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            name = (directory / "comm").read_text().strip()
            environment = (directory / "environ").read_bytes().decode(errors="replace")
            groups = (directory / "cgroup").read_text()
        except OSError:
            continue
        marks = [entry for entry in environment.split("\0") if entry.startswith(state.MARK)]
        pods = [line for line in groups.splitlines() if "/kubepods" in line]
        if marks or pods:
            yield f"process {directory.name} {name} {marks} {pods}"


def _mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        where = line.split()[4]
        if not where.startswith(tuple(map(str, BUILDERS))):
            yield f"mount at {where}"


def _cgroups() -> Iterator[str]:
    """Groups at the top, where clusters make theirs, and whatever a kubelet made anywhere."""
    for hierarchy in [cgroups.MOUNTED, *cgroups.MOUNTED.iterdir()]:
        for top in hierarchy.iterdir() if hierarchy.is_dir() else ():
            groups = [directory for directory, _, _ in os.walk(top)]
            pods = [group for group in groups if "kubepods" in group]
            yield from (f"control group {group}" for group in pods)
            # A build or a container beside us lives in a group of its own, and that is its affair.
            if top.is_dir() and (pods or not _has_processes(groups)):
                yield f"control group {top}"


def _has_processes(groups: list[str]) -> bool:
    for group in groups:
        with suppress(OSError):
            if Path(group, "cgroup.procs").read_text().strip():
                return True
    return False


def _interfaces() -> Iterator[str]:
    for interface in Path("/sys/class/net").iterdir():
        yield f"interface {interface.name}"


def _rules() -> Iterator[str]:
    for command in ("iptables-save", "ip6tables-save"):
        if path := shutil.which(command, path="/usr/sbin:/sbin"):
            done = subprocess.run([path], capture_output=True, text=True, check=False)
            for line in done.stdout.splitlines():
                # The rest of these lines are counters and times.
                yield f"{command} {line.split(' [')[0] if line[0] != '#' else '#'}"


def _files() -> Iterator[str]:
    if state.BASE.exists():
        yield f"directory {state.BASE}"
        for path in state.BASE.iterdir():
            yield f"directory {path}"
    for path in (Path("/var/lib/cni"), Path("/var/log/pods"), Path("/etc/cni/net.d")):
        if path.exists():
            yield f"directory {path}"


def _settings() -> Iterator[str]:
    for setting in (*KERNEL_SETTINGS, *FORWARDING):
        yield f"setting {setting} is {Path('/proc/sys', setting).read_text().strip()}"
