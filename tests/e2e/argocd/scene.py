"""What stands on the cluster of these tests?

Git server    llm-stack.git: the chart and CRD of this checkout
              platform.git:  argocd/ as in examples/argocd/, models/NAMESPACE/*.yaml
Argo CD       the Application `root`, applied by hand; all else comes from Git
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e import images as builder
from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack import images, source
from tests.e2e.stack.fixtures import RESTRICTED, all_images
from tests.e2e.stack.release import NAMESPACE as STACK_NAMESPACE
from tests.e2e.stack.release import ROOT, chart_values
from tests.e2e.stack.stack import Object, Stack

from . import install
from .applications import Applications
from .gitserver import CHARTS, PLATFORM, GitServer
from .install import SAMPLES
from .repository import Repository

TEAM = "team-a"
"""The namespace of the models."""
MODELS = f"models-{TEAM}"
"""Their Application."""


@dataclass(frozen=True)
class Scene:
    """A cluster that is as Git says."""

    cluster: BareCluster
    charts: Repository
    platform: Repository
    apps: Applications
    stack: Stack
    """The stack, seen from the namespace TEAM."""

    def write(self, model: Object, namespace: str = TEAM) -> str:
        """Writes an LLMDeployment to where its namespace's are; the path."""
        path = f"models/{namespace}/{model['metadata']['name']}.yaml"
        self.platform.write(path, yaml.safe_dump(model))
        return path

    def push(self, subject: str) -> str:
        """Pushes what was written or removed, and has Argo CD look; the commit."""
        return self._seen(self.platform.push(subject))

    def revert(self, commit: str) -> str:
        """The same for `git revert`."""
        return self._seen(self.platform.revert(commit))

    def _seen(self, commit: str) -> str:
        self.apps.look(MODELS)
        self.apps.look_for_new()
        return commit


def prepare(cluster: BareCluster, directory: Path) -> Scene:
    """All but the models: Argo CD knows of nothing yet."""
    argocd = builder.build("argocd")
    built = all_images()
    images.load(cluster, [argocd, *built.values()])
    cluster.kubectl("create", "namespace", STACK_NAMESPACE)
    cluster.kubectl("label", "namespace", STACK_NAMESPACE, RESTRICTED)
    source.serve(cluster, images.references(built))
    install.install(cluster, argocd.ref)
    server = GitServer(cluster, argocd.ref)
    charts = server.clone(CHARTS, directory / CHARTS)
    platform = server.clone(PLATFORM, directory / PLATFORM)
    _write_charts(charts)
    _write_applications(platform, charts.url, images.references(built))
    stack = Stack(cluster, TEAM, source.URL)
    return Scene(cluster, charts, platform, Applications(cluster), stack)


def begin(scene: Scene) -> None:
    """Pushes everything and applies the root, the last thing that is done by hand."""
    scene.charts.push("The chart of this version")
    scene.platform.push("The stack and its first models")
    root = (SAMPLES / "root.yaml").read_text()
    scene.cluster.kubectl("apply", "--filename=-", stdin=_placed(root, scene.platform.url, ""))


def _write_charts(charts: Repository) -> None:
    # The chart's crds is a link to the other directory.
    for name in ("charts", "crds"):
        shutil.copytree(ROOT / name, charts.clone / name, symlinks=True)


def _write_applications(
    platform: Repository, charts_url: str, references: images.StackImages
) -> None:
    application = yaml.safe_load(
        _placed((SAMPLES / "application.yaml").read_text(), platform.url, charts_url)
    )
    application["spec"]["source"]["helm"]["valuesObject"] = nested(chart_values(references))
    platform.write("argocd/application.yaml", yaml.safe_dump(application))
    models = (SAMPLES / "applicationset.yaml").read_text()
    platform.write("argocd/applicationset.yaml", _placed(models, platform.url, charts_url))


def _placed(text: str, platform_url: str, charts_url: str) -> str:
    """A sample with the addresses of these repositories."""
    there = {"platform": platform_url, "llm-stack": charts_url}
    for name, url in there.items():
        text = text.replace(f"https://git.example.com/{name}.git", url)
    return text


def nested(values: dict[str, str]) -> dict[str, Any]:
    """`a.b: c` as a file of values says it."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return found
