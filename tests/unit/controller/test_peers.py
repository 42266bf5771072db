"""Is it the last operator pod?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.peers import no_other_stays

LABELS = {
    "app.kubernetes.io/name": "llm-stack",
    "app.kubernetes.io/instance": "a",
    "app.kubernetes.io/component": "operator",
}


def pod(name: str, *, ready: bool = True, ends: bool = False, **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": {**LABELS, **labels}}
    if ends:
        metadata["deletionTimestamp"] = "2026-11-30T00:00:00Z"
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return {"metadata": metadata, "status": status}


ROWS = [
    ("alone", [pod("me")], True),
    ("with another one", [pod("me"), pod("other")], False),
    ("of another version", [pod("me"), pod("other", version="2")], False),
    ("both end", [pod("me", ends=True), pod("other", ends=True)], True),
    ("the other one is not ready", [pod("me"), pod("other", ready=False)], True),
    (
        "another release, another part",
        [
            pod("me"),
            pod("b", **{"app.kubernetes.io/instance": "b"}),
            pod("gateway", **{"app.kubernetes.io/component": "gateway"}),
        ],
        True,
    ),
    ("in no pod: nobody knows", [pod("other", ends=True)], False),
]


@pytest.mark.parametrize(("pods", "last"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_the_last(pods: list[dict[str, Any]], last: bool) -> None:
    assert no_other_stays(pods, "me") is last
