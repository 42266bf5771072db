"""Do the helpers work in an image that has none, no shell and no curl, as `fetch` brings them?"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmstack.desired.metadata import HELPERS_PATH
from llmstack.fetch.helpers import bring_helpers
from tests.e2e.cluster import busybox, packages
from tests.e2e.images.recipes import REPOSITORY
from tests.e2e.images.serving import Served, computing, free_port, options, serving, until
from tests.e2e.test_image_helpers import IMPATIENT, STATE, stopped


@pytest.fixture(scope="module")
def helpers() -> Iterator[Path]:
    """The folder of a pod's emptyDir, as the init container fills it from its own image."""
    packages.ensure({"/usr/share/doc/busybox-static": "busybox-static"})
    with tempfile.TemporaryDirectory() as place:
        image, pod = Path(place) / "image", Path(place) / "pod"
        image.mkdir()
        pod.mkdir()
        Path(place).chmod(0o755)
        for script in (REPOSITORY / "images" / "llama-server").glob("llmstack-*"):
            (image / script.name).symlink_to(script)
        (image / "busybox").symlink_to(busybox.BUSYBOX)
        bring_helpers(pod, image)
        yield pod


@pytest.fixture(scope="module")
def served(helpers: Path) -> Iterator[Served]:
    with serving(options(context_length=8192), mounts={helpers: HELPERS_PATH}) as server:
        yield server


def run(served: Served, name: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A helper by the command of the pod's probe, where PATH leads to no other program."""
    command = [f"{HELPERS_PATH}/busybox", "sh", f"{HELPERS_PATH}/{name}", *words]
    settings = IMPATIENT | {"SETTLE_SECONDS": "1", "PATH": "/nowhere"} | env
    return served.container.exec(*command, env=settings)


def test_an_idle_server_is_alive_and_drained(served: Served) -> None:
    assert run(served, "llmstack-liveness").returncode == 0
    assert run(served, "llmstack-drain", "3600").returncode == 0


def test_a_wrong_key_is_an_answer_too(served: Served) -> None:
    assert run(served, "llmstack-liveness", LLAMA_API_KEY_FILE="/nowhere").returncode == 0
    assert served.container.exec("test", "-e", STATE).returncode != 0


def test_a_silent_server_is_given_up_and_an_answer_forgives(served: Served) -> None:
    with stopped(served.container):
        assert run(served, "llmstack-liveness").returncode == 0
        until(lambda: run(served, "llmstack-liveness").returncode == 1, served.container)
    until(lambda: run(served, "llmstack-liveness").returncode == 0, served.container)


def test_a_running_request_is_waited_for(served: Served) -> None:
    with computing(served, tokens=100) as request:
        assert run(served, "llmstack-drain", "3600").returncode == 0
        assert not served.busy()
        answer = b"".join(iter(lambda: request.recv(65536), b""))
    assert b'"tokens_predicted":100' in answer, answer[-1000:]


def test_the_wait_ends_at_its_deadline(served: Served) -> None:
    with computing(served, tokens=8000):
        assert run(served, "llmstack-drain", "2").returncode == 0
        assert served.busy()


def test_a_server_that_is_gone_has_nothing_to_drain(served: Served) -> None:
    assert run(served, "llmstack-drain", "3600", LLAMA_PORT=str(free_port())).returncode == 0
