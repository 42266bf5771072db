"""What does Argo CD make of each reason? Its own Lua engine answers, offline.

The statuses are those that the operator writes: of the clusters in the table of its unit tests, the
first one in which it finds the reason.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from llmstack.api import reasons as r
from llmstack.api.conditions import LLMDeploymentStatus, to_json
from llmstack.observed import Observed
from llmstack.status import compute, compute_unreadable
from llmstack.status.catalog import CATALOG
from tests.e2e.cluster.binaries import binary
from tests.unit.desired.samples import deployment
from tests.unit.status.rows import ROWS
from tests.unit.status.samples import NOW, failed_fetch, loading, observed, serving, workload

from .applications import Health
from .install import SAMPLES

HEALTHY, PROGRESSING, DEGRADED = "Healthy", "Progressing", "Degraded"
GENERATION = deployment().generation

# Stuck until someone acts, and told as such.
STUCK = (
    *(r.INVALID_SPEC, r.REJECTED, r.SECRET_MISSING, r.CLAIM_MISSING, r.STORAGE_CLASS_MISSING),
    *(r.CONTEXT_LENGTH_TOO_LARGE, r.MODEL_TOO_LARGE, r.IMAGE_PULL_FAILED, r.VOLUME_UNBOUND),
    *(r.SOURCE_UNAUTHORIZED, r.SOURCE_NOT_FOUND, r.SOURCE_UNREACHABLE, r.SOURCE_TRUNCATED),
    *(r.CHECKSUM_MISMATCH, r.NOT_GGUF, r.CACHE_FULL, r.CACHE_NOT_WRITABLE, r.FETCH_FAILED),
    *(r.UNSCHEDULABLE, r.INSUFFICIENT_ACCELERATORS, r.OUT_OF_MEMORY, r.SERVER_CRASHING),
    *(r.START_TIMEOUT, r.POD_FAILED, r.MOUNT_FAILED, r.APPLY_FAILED, r.REPLICA_UNREACHABLE),
)
# On its way: the reason in the status -> the one that Argo CD is told.
UNDER_WAY = {
    r.DOWNLOADING: r.DOWNLOADING,
    r.LOADING: r.LOADING,
    r.ROLLING_OUT: r.ROLLING_OUT,
    r.SERVER_WEDGED: r.SERVER_WEDGED,
    r.PENDING: r.ROLLING_OUT,
    r.VALID: r.ROLLING_OUT,
    r.FIXED: r.ROLLING_OUT,
    r.DOWNLOADED: r.LOADING,
}
# As it should be. That autoscaling fails is a warning: the model answers.
WELL = {
    r.READY: r.READY,
    r.AVAILABLE: r.READY,
    r.SCHEDULED: r.READY,
    r.NAME_CONFLICT: r.READY,
    r.REWRITTEN: r.READY,
    r.ACCELERATOR_UNUSED: r.ACCELERATOR_UNUSED,
    r.STOPPED: r.STOPPED,
    r.SCALED_TO_ZERO: r.SCALED_TO_ZERO,
    r.ASLEEP: r.SCALED_TO_ZERO,
    r.FOLLOWING: r.READY,
    r.AT_MAXIMUM: r.READY,
    r.WAKE_DOWNLOADS: r.READY,
    r.METRICS_API_UNAVAILABLE: r.READY,
    r.METRICS_UNAVAILABLE: r.READY,
    r.SCALING_FAILED: r.READY,
}
EXPECTED = (
    {reason: (DEGRADED, reason) for reason in STUCK}
    | {reason: (PROGRESSING, told) for reason, told in UNDER_WAY.items()}
    | {reason: (HEALTHY, told) for reason, told in WELL.items()}
)
# No condition has them, so Argo CD never hears of them.
EVENTS_ALONE = {r.SERVER_KILLED_BY_REQUEST}


def test_every_reason_has_a_health() -> None:
    assert set(EXPECTED) == set(CATALOG) - EVENTS_ALONE


@pytest.mark.parametrize("reason", EXPECTED)
def test_a_reason(reason: str, tmp_path: Path) -> None:
    _, snapshot, spec, _ = next(row for row in ROWS if row[-1][2] == reason)

    health, message = judged(tmp_path, compute(deployment(**spec), snapshot, NOW))

    expected, told = EXPECTED[reason]
    assert (health, message.partition(": ")[0]) == (expected, told)
    assert message.partition(": ")[2], "the condition's message, too"


FAILING = observed(serving("old", template_hash="old"), failed_fetch(r.SOURCE_NOT_FOUND, "gone"))
CHANGED: list[tuple[str, Observed, Health]] = [
    (
        "an update fails while a replica of the spec before answers",
        FAILING,
        (DEGRADED, "SourceNotFound: gone"),
    ),
    (
        "an update is under way while a replica of the spec before answers",
        observed(serving("old", template_hash="old"), loading()),
        (PROGRESSING, "Loading: 1 replica loading the model"),
    ),
    (
        "the load asked for a second replica",
        observed(serving(), workload=workload(2, available=1)),
        (PROGRESSING, "RollingOut: 2 of 2 replicas up to date, 1 available"),
    ),
]


@pytest.mark.parametrize(
    ("snapshot", "expected"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED]
)
def test_a_change(snapshot: Observed, expected: Health, tmp_path: Path) -> None:
    assert judged(tmp_path, compute(deployment(), snapshot, NOW)) == expected


@pytest.mark.parametrize("status", [{}, {"conditions": []}], ids=["no status", "no conditions"])
def test_before_the_operator_has_looked(status: dict[str, Any], tmp_path: Path) -> None:
    assert asked(tmp_path, status) == (PROGRESSING, "The operator has not reconciled it yet.")


def test_before_it_has_looked_at_the_newest_spec(tmp_path: Path) -> None:
    status = compute(deployment(), observed(serving()), NOW)

    health, message = judged(tmp_path, status, generation=GENERATION + 1)

    assert (health, message) == (
        PROGRESSING,
        "The operator has not reconciled the newest spec yet.",
    )


def test_a_spec_that_cannot_be_read_while_what_it_made_before_answers(tmp_path: Path) -> None:
    before = compute(deployment(), observed(serving()), NOW)
    status = compute_unreadable(before, GENERATION, "spec.slots: Input should be …", NOW)

    assert judged(tmp_path, status) == (DEGRADED, "InvalidSpec: spec.slots: Input should be …")


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({}, (PROGRESSING, "")),
        ({"health": {"status": "Degraded", "message": "why"}}, (DEGRADED, "why")),
        ({"health": {"status": "Healthy"}}, (HEALTHY, "")),
    ],
    ids=["not looked at", "degraded", "healthy"],
)
def test_an_application_within_another_one(
    status: dict[str, Any], health: Health, tmp_path: Path
) -> None:
    assert asked(tmp_path, status, "argoproj.io/v1alpha1", "Application") == health


def judged(directory: Path, status: LLMDeploymentStatus, generation: int = GENERATION) -> Health:
    """The health of a deployment with this status."""
    return asked(directory, to_json(status), generation=generation)


def asked(
    directory: Path,
    status: dict[str, Any],
    version: str = "llmstack.dev/v1alpha1",
    kind: str = "LLMDeployment",
    generation: int = GENERATION,
) -> Health:
    """What Argo CD answers, with the ConfigMap that examples/argocd/ makes."""
    settings = (SAMPLES / "argocd-cm.yaml").read_text()
    named = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\n"
    (directory / "argocd-cm.yaml").write_text(named + settings)
    resource = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "x", "generation": generation},
        "status": status,
    }
    (directory / "resource.yaml").write_text(json.dumps(resource))
    command = [str(binary("argocd")), "admin", "settings", "resource-overrides", "health"]
    done = subprocess.run(
        [*command, "resource.yaml", "--argocd-cm-path=argocd-cm.yaml"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    health, _, message = done.stdout.strip().partition("\nMESSAGE:")
    return health.removeprefix("STATUS: "), message.strip()
