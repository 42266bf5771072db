"""Which deployments cannot come up until somebody acts?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmstack.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    LLMDeploymentStatus,
)
from llmstack.gateway.obstacle import obstacle_of
from tests.unit.desired.samples import deployment

GENERATION = deployment().generation


def condition(kind: ConditionType, answer: str, reason: str, message: str, seen: int) -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus(answer),
        reason=reason,
        message=message,
        last_transition_time="2026-01-01T00:00:00Z",
        observed_generation=seen,
    )


def told(
    ready: str,
    reason: str,
    message: str = "why",
    *,
    valid: str = "True",
    replicas: int = 0,
    seen: int = GENERATION,
    **spec: Any,
) -> str:
    """What a deployment's obstacle is with these conditions."""
    conditions = [
        condition(ConditionType.SPEC_VALID, valid, "", "", seen),
        condition(ConditionType.READY, ready, reason, message, seen),
    ]
    status = LLMDeploymentStatus(conditions=conditions, replicas=replicas)
    return obstacle_of(replace(deployment(**spec), status=status))


OBSTACLES = [
    ("no such file", told("False", "SourceNotFound"), "SourceNotFound: why"),
    (
        "whatever pods there are",
        told("False", "ChecksumMismatch", replicas=1),
        "ChecksumMismatch: why",
    ),
    ("the spec is refused", told("False", "InvalidSpec", valid="False"), "InvalidSpec: why"),
    ("and a replica is on its way", told("False", "InvalidSpec", valid="False", replicas=1), ""),
    (
        "there is no such image",
        told("False", "ImagePullFailed", "x: Not Found"),
        "ImagePullFailed: x: Not Found",
    ),
    ("the registry is away", told("False", "ImagePullFailed", "dial tcp: i/o timeout"), ""),
    ("it answers", told("True", "SourceNotFound"), ""),
    ("that was said of the spec before", told("False", "SourceNotFound", seen=GENERATION - 1), ""),
    ("it loads", told("False", "Loading"), ""),
    ("it sleeps", told("True", "ScaledToZero"), ""),
    ("its source is away", told("False", "SourceUnreachable"), ""),
    ("every device is in use", told("False", "InsufficientAccelerators"), ""),
    ("its server starts again", told("False", "ServerCrashing"), ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "found", "expected"), OBSTACLES, ids=[r[0] for r in OBSTACLES]
)
def test_what_nobody_needs_to_wait_for(sentence: str, found: str, expected: str) -> None:
    assert found == expected


def test_one_that_is_stopped_needs_no_word_of_the_operator() -> None:
    assert obstacle_of(deployment(replicas=0)) == "Stopped: spec.replicas is 0"


def test_before_the_first_word_of_the_operator_nothing_is_known() -> None:
    assert obstacle_of(deployment()) == ""
