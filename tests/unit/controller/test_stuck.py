"""Is anything of a deployment not getting on, so that Events may tell why?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.stuck import is_stuck

Object = dict[str, Any]


def pod(phase: str, **init: Object) -> Object:
    states = [{"state": {name: state}} for name, state in init.items()]
    return {"status": {"phase": phase, "initContainerStatuses": states}}


def job(*conditions: str) -> Object:
    return {"status": {"conditions": [{"type": each, "status": "True"} for each in conditions]}}


PENDING: Object = {"status": {"phase": "Pending"}}
TABLE: list[tuple[str, list[Object], list[Object], list[Object], bool]] = [
    ("nothing there", [], [], [], False),
    ("a pod without a status", [{}], [], [], True),
    ("a pod that waits for its volumes", [pod("Pending", waiting={})], [], [], True),
    ("a pod that downloads", [pod("Pending", running={})], [], [], False),
    ("a pod that has downloaded", [pod("Pending", terminated={})], [], [], False),
    ("a pod that runs", [pod("Running", terminated={})], [], [], False),
    ("a claim without a volume", [], [PENDING], [], True),
    ("a claim with one", [], [{"status": {"phase": "Bound"}}], [], False),
    ("a Job that has no pod", [], [], [job()], True),
    ("a Job whose pod is gone because it ended", [], [], [job("Complete")], False),
]


@pytest.mark.parametrize(
    ("sentence", "pods", "claims", "jobs", "stuck"), TABLE, ids=[row[0] for row in TABLE]
)
def test_stuck(
    sentence: str, pods: list[Object], claims: list[Object], jobs: list[Object], stuck: bool
) -> None:
    assert is_stuck(pods, claims, jobs) is stuck
