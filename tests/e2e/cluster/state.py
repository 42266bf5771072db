"""Where does a bare cluster keep its files, and which of them belong to nobody any more?

    /var/lib/llm-stack/NAME/lock      locked by the supervisor as long as it lives
    /var/lib/llm-stack/NAME/control   the socket on which the node takes requests
    /var/lib/llm-stack/NAME/ready     there once the node is Ready
    /var/lib/llm-stack/NAME/…         data of etcd, containerd, the kubelet, and volumes

A directory whose lock nobody holds is what a killed supervisor left. It names all else that may be
left: the cluster's control groups and the processes that carry its name in their environment.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from . import cgroups
from .errors import ClusterError
from .processes import wait_until

BASE = Path("/var/lib/llm-stack")
# In the environment of every process of a node, so that all can be found whoever died first.
MARK = "LLM_STACK_CLUSTER"


def directory(name: str) -> Path:
    return BASE / name


@contextmanager
def claimed(name: str) -> Iterator[Path]:
    """Makes the directory of a new cluster and holds its lock; removes all that is left after.

    The directory gets its name only when it is locked: under its name it is never without an owner.
    """
    new = BASE / f".{name}.{os.getpid()}"
    new.mkdir(parents=True)
    with (new / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            new.rename(directory(name))
        except OSError as error:
            shutil.rmtree(new)
            raise ClusterError(f"A cluster named {name} is running already.") from error
        try:
            yield directory(name)
        finally:
            remove(name)


def supervisor(name: str) -> int | None:
    """The process id of the supervisor; None when none lives."""
    lock_file = directory(name) / "lock"
    with suppress(FileNotFoundError, PermissionError), lock_file.open("r+") as lock:
        if not _taken(lock):
            return int((directory(name) / "supervisor").read_text())
    return None


def end_supervisor(name: str, seconds: float = 60.0) -> None:
    """Has the supervisor end the cluster; returns when it has removed all of it."""
    pid = supervisor(name)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        ended = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(ended, signal.SIGTERM)
            if not select.select([ended], [], [], seconds)[0]:
                raise ClusterError(f"The supervisor of {name}, process {pid}, does not end.")
        finally:
            os.close(ended)


def remove_stale() -> list[str]:
    """Removes what killed supervisors left; returns the names of their clusters."""
    removed = []
    for lock_file in sorted(BASE.glob("*/lock")):
        name = lock_file.parent.name
        # Gone meanwhile, or another user's.
        with suppress(FileNotFoundError, PermissionError), lock_file.open("r+") as lock:
            # The second condition: it was removed, and made anew, before we had the lock.
            if _taken(lock) and os.fstat(lock.fileno()).st_ino == lock_file.stat().st_ino:
                remove(name)
                removed.append(name)
    return removed


def remove(name: str) -> None:
    """Ends every process of the cluster and removes its control groups and files."""

    def ended() -> bool:
        found = processes(name)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    wait_until(ended, f"the processes of {name} to end", seconds=30)
    cgroups.remove(name)
    # Only now: as long as a process of the node lives, volumes may be mounted below.
    shutil.rmtree(directory(name), ignore_errors=True)
    with suppress(OSError):  # other clusters are in it
        BASE.rmdir()


def processes(name: str) -> list[int]:
    """Which processes belong to the cluster, whatever namespace they are in?"""
    mark = f"{MARK}={name}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
