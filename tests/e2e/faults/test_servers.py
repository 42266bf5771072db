"""A server that does not come up, or whose image cannot be had."""

from __future__ import annotations

import pytest

from tests.e2e.stack.stack import Stack

from .sentences import Sentence, check

SENTENCES = [
    Sentence(
        "the image does not exist",
        {"engine": {"image": "registry.invalid/no/such-image:1"}},
        "Progressing",
        "ImagePullFailed",
        ("registry.invalid/no/such-image:1", "fix the image"),
    ),
    Sentence(
        "llama-server does not know a flag",
        {"engine": {"extraArgs": ["--no-such-flag"]}},
        "Progressing",
        "ServerCrashing",
        ("exit code 1", "--no-such-flag"),
    ),
    Sentence(
        "the server gets too little memory",
        {
            "engine": {
                "promptCacheMemory": "0",
                "resources": {"limits": {"memory": "24Mi"}, "requests": {"memory": "16Mi"}},
            }
        },
        "Progressing",
        "OutOfMemory",
        ("memory", "limits.memory"),
    ),
    Sentence(
        "the runtime class does not exist",
        {"accelerator": {"vendor": "cpu", "runtimeClassName": "nowhere"}},
        "Progressing",
        "RejectedByCluster",
        ("nowhere",),
    ),
]


@pytest.mark.parametrize("sentence", SENTENCES, ids=str)
def test_it_says_why_the_server_does_not_come_up(stack: Stack, sentence: Sentence) -> None:
    check(stack, sentence)


def test_a_failing_update_leaves_the_old_replica_serving(stack: Stack) -> None:
    """Ready stays True with what fails as its reason, and the slots are those of that replica."""
    stack.apply(stack.sample("faulty"))
    stack.wait("faulty")
    before = stack.status("faulty")

    broken = {"extraArgs": ["--no-such-flag"]}
    stack.apply(stack.sample("faulty", engine=broken, slots=before["slots"] + 3))

    found = stack.wait("faulty", "Progressing", "False", "ServerCrashing")
    assert "--no-such-flag" in found["message"]
    ready = stack.wait("faulty", "Ready", "True", "ServerCrashing")
    assert "all run the previous spec" in ready["message"]
    after = stack.status("faulty")
    assert (after["slots"], after["model"]) == (before["slots"], before["model"])
    assert stack.chat("faulty", "Say hello.")
