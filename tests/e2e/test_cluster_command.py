"""`python -m tests.e2e.cluster`, and the cluster it leaves for plain kubectl and curl."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cluster import busybox, residue, state
from tests.e2e.cluster.bare import REPOSITORY, BareCluster, check_host, prepare
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.existing import ExistingCluster
from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.provider import attach, start_cluster, stop_cluster

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the command keeps its cluster."""
    directory = tmp_path_factory.mktemp("command")
    yield directory
    stop_cluster(directory)


@pytest.fixture(scope="module")
def command(home: Path) -> Command:
    """Calls the command for `home`, with CLUSTER as given."""

    def call(what: str, cluster: str = "bare") -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "tests.e2e.cluster", what, str(home)]
        environment = os.environ | {"CLUSTER": cluster}
        return subprocess.run(
            argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )

    return call


@pytest.fixture(scope="module")
def before() -> frozenset[str]:
    """The host before there was the cluster."""
    check_host()
    prepare()
    state.remove_stale()
    return residue.snapshot()


@pytest.fixture(scope="module")
def started(before: frozenset[str], home: Path, command: Command) -> BareCluster:
    """The cluster that the command started; the command itself has ended."""
    assert command("status").returncode == 1
    assert "is ready" in command("start").stdout
    cluster = attach(home)
    assert isinstance(cluster, BareCluster)
    return cluster


def test_a_second_start_finds_it_running(started: BareCluster, command: Command) -> None:
    supervisor = state.supervisor(started.name)
    assert command("start").returncode == 0
    assert state.supervisor(started.name) == supervisor
    assert "runs" in command("status").stdout


def test_a_cluster_whose_kubeconfig_was_removed_is_found_again(
    started: BareCluster, home: Path, command: Command
) -> None:
    supervisor = state.supervisor(started.name)
    started.kubeconfig.unlink()
    (home / "state.json").unlink()
    assert command("status").returncode == 1
    assert command("start").returncode == 0
    assert state.supervisor(started.name) == supervisor
    assert started.name in started.kubectl("get", "nodes")


def test_plain_kubectl_reaches_it(started: BareCluster) -> None:
    plain = [str(binary("kubectl")), "get", "nodes"]
    environment = os.environ | {"KUBECONFIG": str(started.kubeconfig)}
    done = subprocess.run(plain, env=environment, capture_output=True, text=True, check=True)
    assert f"{started.name} " in done.stdout


def test_another_kind_is_not_started_beside_it(started: BareCluster, command: Command) -> None:
    refused = command("start", cluster="kind")
    assert refused.returncode == 1
    assert "end its use with `make down` first" in refused.stderr
    assert started.running()


def test_an_existing_cluster_is_used_and_left_as_it_is(
    started: BareCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(started.kubeconfig))
    monkeypatch.setenv("CLUSTER", "existing")
    existing = start_cluster(home=tmp_path)
    assert isinstance(existing, ExistingCluster)
    assert f"existing cluster of the context {started.name}" in capsys.readouterr().out

    serve(started, tmp_path)
    url = existing.forward("default", "web", 80)
    assert httpx.get(url, trust_env=False).text == "hello\n"

    # Without being named it is not touched again.
    monkeypatch.delenv("CLUSTER")
    with pytest.raises(ClusterError, match="Set CLUSTER=existing to go on"):
        start_cluster(home=tmp_path)
    stop_cluster(tmp_path)

    def forward_ended() -> bool:
        try:
            return httpx.get(url, trust_env=False) is None
        except httpx.TransportError:
            return True

    wait_until(forward_ended, "the forward to end", seconds=10)
    assert "web" in started.kubectl("get", "pods")


def test_an_existing_cluster_needs_a_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("CLUSTER", "existing")
    with pytest.raises(ClusterError, match="kubectl has no current context"):
        start_cluster(home=tmp_path)


def test_a_stop_leaves_nothing_and_can_be_repeated(
    before: frozenset[str], started: BareCluster, command: Command
) -> None:
    assert command("stop").returncode == 0
    assert command("status").returncode == 1
    assert not started.kubeconfig.exists()
    assert command("stop").returncode == 0
    wait_until(lambda: not residue.snapshot() - before, "the host to be as it was", seconds=10)


def serve(cluster: BareCluster, directory: Path) -> None:
    """A pod that answers `hello`, behind the Service `web`."""
    cluster.load_image(busybox.IMAGE, busybox.archive(directory))
    script = "echo hello > /index.html && httpd -f -p 80 -h /"
    cluster.kubectl(
        "run", "web", f"--image={busybox.IMAGE}", "--port=80", "--expose", "--", "-c", script
    )
    cluster.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
