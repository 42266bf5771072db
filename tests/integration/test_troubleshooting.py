"""Are the commands of docs/troubleshooting.md commands? The real kubectl and API server judge them.

The cluster behind them is empty but for one LLMDeployment, so most name what is not there: that
is an answer, too. A flag, a kind, a field or a value that does not exist is none.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cluster.binaries import binary
from tests.integration.apiserver import CRDS, ApiServer

PAGE = (CRDS.parent / "docs" / "troubleshooting.md").read_text()
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^kubectl (?:.*<<'END'\n(?:.*\n)*?END|(?:.*\\\n)*.*)", re.MULTILINE)
WORDS = {
    "NAMESPACE": "troubled",
    "NAME": "qwen",
    "POD": "qwen-1",
    "NODE": "node-1",
    "CLAIM": "claim",
    "CLASS": "fast",
    "SECRET": "secret",
    "IMAGE": "example.internal/image:1",
    "TAINT": "example.com/gpu",
    "SHA256": "0" * 64,
    "FILE": "file",
}
PLACEHOLDER = re.compile(rf"\b({'|'.join(WORDS)})\b(?!:)")
ANSWER = re.compile(r"\(NotFound\)|^Warning: ")
# What the spec is patched with is judged and not kept; so is a Secret.
JUDGED_ONLY = (" patch llmd ", " create secret ")
SPEC = """
apiVersion: llmstack.dev/v1alpha1
kind: LLMDeployment
metadata: {name: qwen}
spec:
  model: {source: "hf://owner/repo/model.gguf", secretRef: {name: secret}}
  accelerator: {vendor: nvidia}
  autoscaling: {maxReplicas: 2}
"""


def commands() -> list[str]:
    blocks = (
        re.sub(f"^{indent}", "", code, flags=re.MULTILINE) for indent, code in BLOCK.findall(PAGE)
    )
    return sorted({command for block in blocks for command in COMMAND.findall(block)})


@dataclass(frozen=True)
class Shell:
    """A folder with what the commands name, and a kubectl that speaks to the API server."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        filled = PLACEHOLDER.sub(lambda found: WORDS[found[1]], command)
        judged = any(words in filled for words in JUDGED_ONLY) and "--dry-run" not in filled
        return subprocess.run(
            ["bash", "-c", filled + (" --dry-run=server" if judged else "")],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def shell(crd: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("troubled")
    (folder / "file").write_text("a token")
    (folder / "crds").symlink_to(CRDS)
    (folder / "kubectl").symlink_to(binary("kubectl"))
    crd.kubectl("create", "namespace", "troubled")
    crd.kubectl("-n", "troubled", "apply", "-f", "-", stdin=SPEC)
    environment = os.environ | {
        "KUBECONFIG": str(crd.kubeconfig),
        "KUBE_EDITOR": "true",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }
    return Shell(folder, environment)


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_page_is_one(shell: Shell, command: str) -> None:
    done = shell.run(command)
    refused = [line for line in done.stderr.splitlines() if not ANSWER.search(line)]
    answered = done.stderr or done.stdout == "no\n"  # May one …? No.
    assert done.returncode == 0 or (answered and not refused), done.stdout + done.stderr


def test_all_kinds_of_commands_are_found() -> None:
    found = commands()
    assert len(found) > 60
    assert any("<<'END'" in command and command.endswith("END") for command in found)
    assert any(command.endswith('"1"}}}}\'') for command in found)


def test_what_is_no_command_is_seen(shell: Shell) -> None:
    wrong = 'kubectl -n NAMESPACE patch llmd NAME --type=merge --patch \'{"spec": {"slot": 2}}\''
    assert shell.run("kubectl get pods --no-such-flag").returncode != 0
    assert "unknown field" in shell.run(wrong).stderr
