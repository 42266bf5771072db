"""`make down`: how does all that `make up` made go away?

A cluster of our own goes as a whole. On an existing one only what `make up` brought is removed: the
sample, the model source, the release. The CRD stays, and with it everybody's LLMDeployments.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.cluster.provider import HOME, Provider, attach, stop_cluster

from . import source
from .release import Release
from .steps import Progress, Step, StepFailed
from .up import SAMPLE_NAME, SAMPLE_NAMESPACE

ADVICE = "mend what the message names, and run `make down` again."


def down(say: Progress, home: Path = HOME) -> int:
    """Removes everything; the exit status."""
    cluster = attach(home)
    steps = []
    if cluster is not None and cluster.provider == "existing":
        steps.append(Step("release", lambda: release(cluster), ADVICE))
    steps.append(Step("cluster", lambda: stop(home), ADVICE))
    steps.append(Step(str(home), lambda: shutil.rmtree(home), ADVICE, lambda: not home.exists()))
    try:
        say.perform(steps)
    except StepFailed:
        return 1
    return 0


def stop(home: Path) -> str | None:
    """Also where nothing is known of a cluster: .cluster may have been deleted by hand."""
    known = attach(home) is not None
    stop_cluster(home)
    return None if known else "none was started from here"


def release(cluster: Provider) -> None:
    """Takes our release and our sample off somebody else's cluster."""
    sample = ("llmdeployments", SAMPLE_NAME, f"--namespace={SAMPLE_NAMESPACE}")
    # Deleted while the operator still runs; its objects follow by their owner references.
    cluster.kubectl("delete", *sample, "--ignore-not-found", "--timeout=2m")
    source.remove(cluster)
    Release(cluster).uninstall()
