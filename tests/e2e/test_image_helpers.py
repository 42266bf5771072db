"""Do the helpers in the image judge a real llama-server rightly, in its container?

SIGSTOP makes silence without CPU use, as a wedged server does. This build answers /slots even
during a prefill, so silence with CPU use is put together: the server computes, and the helper asks
a port where connections are accepted and never answered.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.images.container import Container
from tests.e2e.images.serving import Served, computing, free_port, options, serving, until

STATE = "/tmp/llmstack-liveness"
IMPATIENT = {"WEDGE_SECONDS": "3", "LLAMA_ASK_SECONDS": "1"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(options(context_length=8192)) as server:
        # Gives it more CPU time than any test takes away again.
        server.client.post("/completion", json={"prompt": "word", "n_predict": 128})
        yield server


@pytest.fixture(autouse=True)
def no_memory_of_other_tests(served: Served) -> None:
    served.container.exec("rm", "-f", STATE)


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Served]:
    """A server whose model file blocks when it is opened."""
    model = tmp_path / "model.gguf"
    os.mkfifo(model, 0o644)
    tmp_path.chmod(0o755)
    with serving(options(), ready=False, model=model) as server:
        until(lambda: server.health() == 503, server.container)
        yield server


@contextmanager
def stopped(container: Container) -> Iterator[int]:
    """The server stands still and answers nobody; yields its process."""
    pid = container.pid("llama-server")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def silence() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port: int = listener.getsockname()[1]
        yield port


def liveness(container: Container, **env: str) -> int:
    return container.exec("llmstack-liveness", env=IMPATIENT | env).returncode


def drain(container: Container, seconds: int, **env: str) -> int:
    env = {"SETTLE_SECONDS": "1"} | env
    return container.exec("llmstack-drain", str(seconds), env=env).returncode


def test_an_idle_server_is_alive(served: Served) -> None:
    assert [liveness(served.container) for _ in range(3)] == [0, 0, 0]


def test_a_server_that_loads_is_alive(loading: Served) -> None:
    assert [liveness(loading.container) for _ in range(3)] == [0, 0, 0]


def test_a_wrong_key_is_an_answer_too(served: Served) -> None:
    assert liveness(served.container, LLAMA_API_KEY_FILE="/nowhere") == 0


def test_a_silent_server_without_cpu_use_is_given_up_and_an_answer_forgives(
    served: Served,
) -> None:
    with stopped(served.container):
        first = served.container.exec("llmstack-liveness", env=IMPATIENT)
        assert first.returncode == 0, "a silence that begins is no proof"
        until(lambda: liveness(served.container) == 1, served.container)
        said = served.container.exec("llmstack-liveness", env=IMPATIENT).stderr
        assert "/slots silent for" in said
    until(lambda: liveness(served.container) == 0, served.container)
    assert served.container.exec("test", "-e", STATE).returncode != 0


def test_a_silent_server_that_computes_is_left_alone(served: Served) -> None:
    with computing(served, tokens=8000), silence() as port:
        verdicts = [liveness(served.container, LLAMA_PORT=str(port)) for _ in range(10)]
        assert served.busy()
    assert verdicts == [0] * 10


@pytest.mark.parametrize(
    ("sentence", "first", "last", "ticks", "birth", "verdict"),
    [
        ("long silent, asked lately, no CPU time since", -60, -1, 0, 0, 1),
        ("the silence was another process's", -60, -1, 0, -1, 0),
        ("nobody asked for a while", -60, -50, 0, 0, 0),
        ("CPU time was used", -60, -1, -90, 0, 0),
        ("what our own questions cost is no computing", -60, -1, -20, 0, 1),
        ("the silence is short", -10, -1, 0, 0, 0),
    ],
)
def test_what_is_remembered_decides(
    served: Served, sentence: str, first: int, last: int, ticks: int, birth: int, verdict: int
) -> None:
    with stopped(served.container) as pid:
        now = int(float(Path("/proc/uptime").read_text().split()[0]))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used, born = int(fields[11]) + int(fields[12]), int(fields[19])
        remember(served, f"{now + first} {now + last} {used + ticks} {born + birth}")
        assert liveness(served.container, WEDGE_SECONDS="20") == verdict, sentence


def test_a_verdict_does_not_make_it_forget_that_it_asked(served: Served) -> None:
    """Else the next time it would seem that nobody had asked for a while, and begin anew."""
    with stopped(served.container) as pid:
        now = int(float(Path("/proc/uptime").read_text().split()[0]))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        remember(served, f"{now - 60} {now - 25} {int(fields[11]) + int(fields[12])} {fields[19]}")
        assert liveness(served.container, WEDGE_SECONDS="20") == 1
    first, last, *_ = served.container.exec("cat", STATE).stdout.split()
    assert int(first) == now - 60
    assert int(last) >= now


@pytest.mark.parametrize("line", ["", "1", "1 2 3", "a b c d", "1 2 3 4 5", "-1 -1 -1 -1"])
def test_a_memory_that_cannot_be_read_is_begun_anew(served: Served, line: str) -> None:
    remember(served, line)
    with stopped(served.container):
        assert liveness(served.container) == 0
    words = served.container.exec("cat", STATE).stdout.split()
    assert len(words) == 4
    assert all(word.isdigit() for word in words)


def test_without_a_place_to_remember_nobody_is_given_up(served: Served) -> None:
    with stopped(served.container):
        state = {"LLAMA_LIVENESS_STATE": "/opt/read-only"}
        assert [liveness(served.container, **state) for _ in range(4)] == [0] * 4


def remember(served: Served, line: str) -> None:
    command = ["sh", "-c", f'printf "%s\\n" "$0" > {STATE}', line]
    assert served.container.exec(*command).returncode == 0


def test_an_idle_server_is_drained(served: Served) -> None:
    assert drain(served.container, 3600) == 0


def test_a_running_request_is_waited_for(served: Served) -> None:
    with computing(served, tokens=100) as request:
        assert drain(served.container, 3600) == 0
        assert not served.busy()
        answer = b"".join(iter(lambda: request.recv(65536), b""))
    assert b'"tokens_predicted":100' in answer, answer[-1000:]


def test_the_wait_ends_at_its_deadline(served: Served) -> None:
    with computing(served, tokens=8000):
        assert drain(served.container, 2) == 0
        assert served.busy()


def test_a_server_that_does_not_answer_is_waited_for_until_the_deadline(served: Served) -> None:
    with stopped(served.container):
        assert drain(served.container, 2) == 0


def test_a_server_that_loads_has_nothing_to_drain(loading: Served) -> None:
    assert drain(loading.container, 3600) == 0


def test_a_server_that_is_gone_has_nothing_to_drain(served: Served) -> None:
    assert drain(served.container, 3600, LLAMA_PORT=str(free_port())) == 0


def test_without_seconds_it_says_how_it_is_called(served: Served) -> None:
    done = served.container.exec("llmstack-drain")
    assert done.returncode != 0
    assert "usage: llmstack-drain SECONDS" in done.stderr
