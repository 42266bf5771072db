"""How are replicas run and replaced?"""

from typing import Any

import pytest

from llmstack.desired.metadata import selector
from tests.unit.desired.samples import built, deployment, pod


def test_the_main_apply_never_has_replicas() -> None:
    for spec in ({}, {"replicas": 3}, {"autoscaling": {"minReplicas": 0, "maxReplicas": 3}}):
        assert "replicas" not in built("Deployment", **spec)["spec"]


@pytest.mark.parametrize(
    ("sentence", "spec", "surge", "unavailable"),
    [
        ("on the CPU the new replica comes first", {}, 1, 0),
        (
            "with devices the old one goes first, for there may be none to spare",
            {"accelerator": {"vendor": "nvidia"}},
            0,
            1,
        ),
        (
            "a cache that all nodes can mount changes nothing",
            {"cache": {"accessMode": "ReadWriteMany"}},
            1,
            0,
        ),
        (
            "a cache of one node may have no room for both",
            {"cache": {"accessMode": "ReadWriteOnce"}},
            0,
            1,
        ),
        ("nor a claim of any mode", {"cache": {"existingClaim": "mine"}}, 0, 1),
        ("nor the claim of the source", {"model": {"source": "pvc://mine/m.gguf"}}, 0, 1),
        (
            "a cache that is not used does not count",
            {"model": {"source": "pvc://mine/m.gguf"}, "accelerator": {"vendor": "nvidia"}},
            0,
            1,
        ),
    ],
)
def test_replacing_cannot_deadlock(
    sentence: str, spec: dict[str, Any], surge: int, unavailable: int
) -> None:
    strategy = built("Deployment", **spec)["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {
        "maxSurge": surge,
        "maxUnavailable": unavailable,
    }, sentence


def test_the_rollout_is_given_up_after_the_probe_is() -> None:
    lifecycle = {"startupTimeoutSeconds": 100}
    deadline = built("Deployment", lifecycle=lifecycle)["spec"]["progressDeadlineSeconds"]
    probe = pod(lifecycle=lifecycle)["containers"][0]["startupProbe"]
    assert deadline > probe["periodSeconds"] * probe["failureThreshold"] == 100


@pytest.mark.parametrize(
    "spec",
    [
        {"slots": 1},
        {"accelerator": {"vendor": "nvidia"}},
        {"pod": {"labels": {"team": "a"}}},
        {"model": {"source": "https://example.org/other.gguf"}},
    ],
)
def test_the_selector_never_changes_and_matches_the_pods(spec: dict[str, Any]) -> None:
    body = built("Deployment", **spec)["spec"]
    assert body["selector"]["matchLabels"] == selector(deployment())
    assert body["selector"]["matchLabels"].items() <= body["template"]["metadata"]["labels"].items()
