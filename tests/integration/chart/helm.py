"""How is the chart rendered and installed? By the real helm."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster import versions
from tests.e2e.cluster.binaries import binary

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "llm-stack"
ALL_OPTIONS = CHART / "ci" / "all-values.yaml"
IMAGES = ("image.repository=example.internal/operator", "serverImages.cpu=example.internal/llama:1")
# A helm that `go install` made believes to speak to Kubernetes 1.20 where it speaks to none.
KUBE = (f"--kube-version={versions.KUBERNETES}",)

Object = dict[str, Any]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What helm said and printed, whether it liked it or not."""
    command = [binary("helm"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def options(*values: str, file: Path | None = None) -> list[str]:
    """The arguments that set these values."""
    return [f"--set={value}" for value in values] + ([f"--values={file}"] if file else [])


def template(*values: str, file: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`helm template` with these values, and nothing by default."""
    given = options(*values, file=file)
    return helm("template", "llm-stack", CHART, "--namespace=llm-stack", *KUBE, *given)


def render(*values: str, file: Path | None = None) -> list[Object]:
    """The objects; with images that are named, where nothing is given."""
    done = template(*(values or (() if file else IMAGES)), file=file)
    assert done.returncode == 0, done.stderr
    return [body for body in yaml.safe_load_all(done.stdout) if body]
