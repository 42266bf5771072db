"""The real kind, with a real container engine, gets as far as the pull of its node image.

The engine runs in namespaces of its own, without a way out: so the pull fails on every machine, and
our message has to name what is missing.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import packages, residue, versions
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.kind import KindCluster, missing
from tests.e2e.cluster.processes import Program
from tests.e2e.cluster.provider import choose

ENGINE = """\
mount -t tmpfs tmpfs /run
ip link set lo up
exec dockerd --data-root "$0/data" --exec-root /run/docker --pidfile /run/docker.pid \
    --host "unix://$0/docker.sock"
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Debian's Docker engine, which every `docker` of this test talks to."""
    packages.ensure({"dockerd": "docker.io"} | versions.NODE_PACKAGES)
    before = residue.snapshot()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "docker")
    namespaces = ["unshare", "--net", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child"]
    command = ["sh", "-ec", ENGINE, str(tmp_path)]
    program = Program([*namespaces, *command], tmp_path / "dockerd.log")
    program.start()
    try:
        program.wait_until(_answers, "the Docker engine answered")
        yield
    finally:
        program.stop(signal.SIGKILL)
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
    assert residue.snapshot() - before == frozenset()


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.mark.usefixtures("engine")
def test_kind_reaches_the_pull_of_its_node_image(tmp_path: Path) -> None:
    cluster = KindCluster(tmp_path / "home", f"test-{secrets.token_hex(4)}")
    with pytest.raises(ClusterError) as failed:
        cluster.start()
    said = str(failed.value)
    assert "Ensuring node image" in said
    assert f'failed to pull image "{versions.KIND_NODE_IMAGE}"' in said
    assert said.startswith(
        f"kind needs the node image {versions.KIND_NODE_IMAGE}, which is neither"
    )
    assert not cluster.running()
    cluster.stop()


@pytest.mark.usefixtures("engine")
def test_an_engine_without_the_node_image_is_not_chosen() -> None:
    assert "nor to be pulled" in str(missing())
    assert choose({}) == "bare"
    assert choose({"CLUSTER": "kind"}) == "kind"
