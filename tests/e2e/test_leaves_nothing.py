"""A cluster leaves nothing on the host, however it ends.

Each test runs a cluster with a pod, a mounted volume and a forward, ends it in its own way, and
compares the host with what it was before.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster import busybox, residue, state
from tests.e2e.cluster.bare import REPOSITORY, BareCluster, check_host, prepare
from tests.e2e.cluster.errors import NotReady
from tests.e2e.cluster.processes import wait_until

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "busy"},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": busybox.IMAGE,
                "command": ["/bin/sh", "-c", "sleep 1000"],
                "resources": {"limits": {"memory": "32Mi", "cpu": "100m"}},
                "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
            }
        ],
        "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "cache"},
    "spec": {
        "storageClassName": "limited",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "8Mi"}},
    },
}


@pytest.fixture
def before() -> frozenset[str]:
    """The host as it was; what killed clusters of earlier runs left is not ours to answer for."""
    check_host()
    prepare()
    state.remove_stale()
    return residue.snapshot()


@pytest.fixture
def busy(before: frozenset[str], tmp_path: Path) -> Iterator[BareCluster]:
    """A cluster with a pod that runs, a volume that is mounted and a forward."""
    cluster = BareCluster(tmp_path / "home", f"test-{secrets.token_hex(4)}")
    try:
        cluster.start()
        make_busy(cluster, tmp_path)
        yield cluster
    finally:
        cluster.stop()


def make_busy(cluster: BareCluster, directory: Path) -> None:
    cluster.load_image(busybox.IMAGE, busybox.archive(directory))
    cluster.kubectl("apply", "-f", "-", stdin=f"{json.dumps(CLAIM)}\n---\n{json.dumps(POD)}")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=60s")
    cluster.forward("default", "kubernetes", 443)


def assert_nothing_left(before: frozenset[str], cluster: BareCluster) -> None:
    """The cluster is gone with all it had; the kernel may take a moment to drop namespaces."""
    assert not cluster.directory.exists()
    left: set[str] = set()

    def nothing_left() -> bool:
        left.clear()
        left.update(residue.snapshot() - before)
        return not left

    try:
        wait_until(nothing_left, "the host to be as it was", seconds=10)
    except TimeoutError:
        raise AssertionError("\n".join(["Left behind:", *sorted(left)])) from None


def wait_until_gone(cluster: BareCluster) -> None:
    wait_until(lambda: not cluster.directory.exists(), "the supervisor to clean up", seconds=60)


def test_after_a_stop_and_another_one(before: frozenset[str], busy: BareCluster) -> None:
    busy.stop()
    assert_nothing_left(before, busy)
    busy.stop()


def test_after_the_supervisor_was_killed_and_then_a_stop(
    before: frozenset[str], busy: BareCluster
) -> None:
    kill_supervisor(busy)
    # What it leaves is seen, so what is not seen below is not there.
    kinds = {sentence.split()[0] for sentence in residue.snapshot() - before}
    assert {"control", "directory"} <= kinds
    busy.stop()
    assert_nothing_left(before, busy)


def test_after_the_supervisor_was_killed_and_the_next_start(
    before: frozenset[str], busy: BareCluster
) -> None:
    kill_supervisor(busy)
    busy.start()
    assert "busy" not in busy.kubectl("get", "pods")
    busy.stop()
    assert_nothing_left(before, busy)


def test_after_the_node_was_killed(before: frozenset[str], busy: BareCluster) -> None:
    for child in children(state.supervisor(busy.name)):
        os.kill(child, signal.SIGKILL)
    # Nobody calls `stop`: the supervisor sees it and cleans up.
    wait_until_gone(busy)
    assert_nothing_left(before, busy)


STARTER = """\
import sys
from pathlib import Path
from tests.e2e.cluster.bare import BareCluster
cluster = BareCluster(Path(sys.argv[1]), sys.argv[2])
cluster.start(detached=sys.argv[3] == "detached")
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(before: frozenset[str], tmp_path: Path) -> Iterator[BareCluster]:
    """A cluster that another process is to start."""
    cluster = BareCluster(tmp_path / "home", f"test-{secrets.token_hex(4)}")
    yield cluster
    cluster.stop()


def starter(cluster: BareCluster, how: str) -> list[str]:
    """The command that starts the cluster and then waits for its own end."""
    return [sys.executable, "-c", STARTER, str(cluster.home), cluster.name, how]


def test_after_the_session_that_started_it_was_killed(
    before: frozenset[str], other: BareCluster, tmp_path: Path
) -> None:
    with session(starter(other, "attached")) as started:
        make_busy(other, tmp_path)
        started.kill()
    wait_until_gone(other)
    assert_nothing_left(before, other)


def test_a_detached_cluster_outlives_who_started_it(
    before: frozenset[str], other: BareCluster
) -> None:
    with session(starter(other, "detached")) as started:
        started.kill()
    assert other.running()
    assert other.name in other.kubectl("get", "nodes")
    other.stop()
    assert_nothing_left(before, other)


def test_after_a_kill_in_the_middle_of_a_detached_start(
    before: frozenset[str], other: BareCluster
) -> None:
    with subprocess.Popen(
        starter(other, "detached"), cwd=REPOSITORY, stdin=subprocess.PIPE
    ) as started:
        log = other.directory / "log" / "containerd.log"
        wait_until(log.exists, "the node to start its programs", seconds=60)
        started.kill()
    wait_until_gone(other)
    assert_nothing_left(before, other)


def test_a_start_that_fails_says_why(
    before: frozenset[str], other: BareCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "catatonit"
    broken.write_text("#!/bin/sh\necho no process 1 today\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NotReady, match="no process 1 today"):
        other.start()
    assert_nothing_left(before, other)


@contextmanager
def session(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that has started its cluster; it is killed at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


def kill_supervisor(cluster: BareCluster) -> None:
    supervisor = state.supervisor(cluster.name)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: state.supervisor(cluster.name) is None, "the supervisor to die", seconds=10)


def children(pid: int | None) -> list[int]:
    """The processes that any thread of a process started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
