"""Are the moments of a start read as the node writes them, and put in order?"""

from __future__ import annotations

import pytest

from bench.starts.node import line_with, runtime_marks, seconds
from bench.starts.timeline import Stage, beside, shown, stages

LOG = r"""
time="2026-12-01T10:00:01.100000000Z" level=info msg="RunPodSandbox for &PodSandboxMetadata{Name:qwen-1,Uid:u,Namespace:bench,Attempt:0,}"
time="2026-12-01T10:00:01.150000000Z" level=info msg="RunPodSandbox for &PodSandboxMetadata{Name:qwen-11,Uid:v,Namespace:bench,Attempt:0,}"
time="2026-12-01T10:00:01.400000000Z" level=info msg="RunPodSandbox for &PodSandboxMetadata{Name:qwen-1,Uid:u,Namespace:bench,Attempt:0,} returns sandbox id \"5a\""
time="2026-12-01T10:00:01.410000000Z" level=info msg="CreateContainer within sandbox \"5a\" for container &ContainerMetadata{Name:fetch,Attempt:0,}"
time="2026-12-01T10:00:01.420000000Z" level=info msg="CreateContainer within sandbox \"5a\" for &ContainerMetadata{Name:fetch,Attempt:0,} returns container id \"c1\""
time="2026-12-01T10:00:01.430000000Z" level=info msg="StartContainer for \"c1\""
time="2026-12-01T10:00:01.500000000Z" level=info msg="StartContainer for \"c1\" returns successfully"
time="2026-12-01T10:00:01.600000000Z" level=info msg="StartContainer for \"other\" returns successfully"
time="2026-12-01T10:00:02.000000000Z" level=info msg="CreateContainer within sandbox \"5a\" for &ContainerMetadata{Name:llama-server,Attempt:0,} returns container id \"c2\""
time="2026-12-01T10:00:02.250000000Z" level=info msg="StartContainer for \"c2\" returns successfully"
"""  # noqa: E501


def test_the_runtimes_log_tells_when_sandbox_and_containers_started() -> None:
    began = seconds("2026-12-01T10:00:01Z")
    found = {name: when - began for name, when in runtime_marks(LOG, "qwen-1").items()}
    assert found == pytest.approx(
        {"sandbox asked": 0.1, "sandbox": 0.4, "fetch started": 0.5, "server started": 1.25}
    )


def test_a_line_of_a_containers_log_has_its_moment() -> None:
    lines = [
        "2026-12-01T10:00:01.123456789Z srv  load_model: loading model",
        "2026-12-01T10:00:01.987654321Z main: model loaded",
    ]
    assert line_with(lines, "model loaded") == pytest.approx(seconds(lines[1].split()[0]))
    with pytest.raises(ValueError, match="no line says 'listening'"):
        line_with(lines, "listening")


def test_each_stage_lasts_from_the_one_before() -> None:
    wanted = (Stage("pod", "to the pod"), Stage("ready", "to ready"))
    runs = [
        {"began": 10.0, "pod": 10.5, "ready": 12.0, "seen": 12.5},
        {"began": 0.0, "pod": 0.25, "ready": 1.0, "seen": 2.0},
    ]
    assert stages(runs, wanted) == [("to the pod", [0.5, 0.25]), ("to ready", [1.5, 0.75])]
    assert beside(runs, (Stage("seen", "seen", "ready"),)) == [("seen", [0.5, 1.0])]
    assert shown([0.5, 0.25, 0.3]) == "0.30 s (0.25 to 0.50)"
