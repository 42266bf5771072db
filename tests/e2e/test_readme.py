"""Do the README's commands do what it says? They are run as they are written."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.release import ROOT
from tests.e2e.stack.stack import Stack
from tests.e2e.stack.up import link

README = (ROOT / "README.md").read_text()
Shell = Callable[[str], str]


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of one section."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [code for of, code in fences(section) if of == language]


def fences(text: str) -> list[tuple[str, str]]:
    """Language and content of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def with_words(found: list[str], words: str) -> str:
    (block,) = (each for each in found if words in each)
    return block


PORT_FORWARD = with_words(blocks("First deployment", "sh"), "port-forward")
"""The one that all sections about the cluster of `make up` use."""


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Iterator[Shell]:
    """A shell as the README leaves it after its `export`, but in the test's own namespace."""
    for name in ("kubectl", "helm"):
        link(tmp_path / name, binary(name))
    config = yaml.safe_load(stack.cluster.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = stack.namespace
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    paths = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PATH": paths}
    started: list[int] = []

    def run(script: str) -> str:
        # Into a file of its own: what a script leaves in the background would hold a pipe open, and
        # writes on into its file.
        output = tmp_path / f"output-{len(started)}"
        with output.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-e", "-c", script],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            started.append(process.pid)
            status = process.wait(timeout=400)
        assert status == 0, output.read_text()
        return output.read_text()

    yield run
    for group in started:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)


def test_a_second_model_applied_by_hand_becomes_ready_and_answers(shell: Shell) -> None:
    found = blocks("First deployment", "sh")

    shell(with_words(found, "kubectl apply"))
    port = str(free_port())
    shell(PORT_FORWARD.replace("8080", port))
    said = shell(with_words(found, "curl").replace("8080", port))
    (python,) = blocks("First deployment", "python")
    script = python.replace("8080", port)
    streamed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )

    completion = next(line for line in said.splitlines() if line.startswith("{"))
    assert json.loads(completion)["choices"][0]["message"]["content"].strip()
    assert len(streamed.stdout.split()) > 3, streamed.stderr


def test_kubectl_get_looks_as_it_is_shown(stack: Stack, shell: Shell) -> None:
    stack.apply(stack.sample())
    stack.wait("smollm2")

    shown = next(block for block in blocks("First deployment", "") if "READY" in block)
    said = shell("kubectl get llmd")

    assert without_age(said) == without_age(shown)


def without_age(table: str) -> list[list[str]]:
    return [line.split()[:-1] for line in table.splitlines()]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_the_sample_follows_a_load_as_it_is_told(stack: Stack, shell: Shell) -> None:
    """All of it but the last line, which watches for ever: it is asked for once, and again."""
    stack.apply(stack.sample())
    stack.wait("smollm2")

    (found,) = blocks("Autoscaling", "sh")
    commands, watch, _ = found.partition("kubectl get hpa smollm2")
    ours = (PORT_FORWARD + commands).replace("8080", str(free_port()))
    shell(ours.replace('"model": "smollm2"', f'"model": "{stack.full_name("smollm2")}"'))

    def followed() -> bool:
        return stack.get("deployment", "smollm2")["spec"]["replicas"] == 4

    wait_until(followed, "four replicas", 60)
    wait_until(lambda: "750m/800m (avg)" in shell(watch), "the load against its target", 60)


def test_the_commands_that_help_when_it_is_not_ready_say_something(
    stack: Stack, shell: Shell
) -> None:
    stack.apply(stack.sample("x"))
    stack.wait("x")

    (commands,) = blocks("Troubleshooting", "sh")
    for command in commands.replace("NAME", "x").splitlines():
        assert shell(command).strip(), command


def test_the_first_example_is_taken_by_the_api_server(stack: Stack) -> None:
    """It names the model hub, which a test does not reach: so it is checked and not kept."""
    example = next(code for language, code in fences(README) if language == "yaml")

    stack.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", "-", stdin=example)
