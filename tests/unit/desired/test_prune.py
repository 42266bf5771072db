"""What is deleted, and what is not ours?"""

from typing import Any

import pytest

from llmstack.desired import build
from llmstack.desired.prune import foreign_message, is_foreign, prunable
from tests.unit.desired.samples import CONTEXT, deployment

DESIRED = build(deployment(), CONTEXT)


def live(kind: str = "ConfigMap", name: str = "qwen-ca", **metadata: Any) -> dict[str, Any]:
    owned = {
        "name": name,
        "namespace": "team-a",
        "labels": {"llmstack.dev/deployment": "qwen"},
        "ownerReferences": [{"uid": "uid-1"}],
    }
    return {"kind": kind, "metadata": {**owned, **metadata}}


@pytest.mark.parametrize(
    ("sentence", "item", "deleted"),
    [
        ("an owned object that is no longer wanted", live(), True),
        ("one that is wanted", live("Deployment", "qwen"), False),
        ("a claim holds the user's data", live("PersistentVolumeClaim", "x"), False),
        ("without the label it was not made by us", live(labels=None), False),
        (
            "the label of another",
            live(labels={"llmstack.dev/deployment": "other"}),
            False,
        ),
        ("of an owner of the same name, long gone", live(ownerReferences=[{"uid": "old"}]), False),
        ("without an owner", live(ownerReferences=None), False),
        ("already on its way out", live(deletionTimestamp="now"), False),
    ],
)
def test_pruning(sentence: str, item: dict[str, Any], deleted: bool) -> None:
    assert bool(prunable(deployment(), [item], DESIRED)) is deleted, sentence


def test_nothing_desired_is_ever_pruned() -> None:
    assert prunable(deployment(), list(DESIRED), DESIRED) == ()


@pytest.mark.parametrize(
    ("sentence", "item", "foreign"),
    [
        ("nothing is there", None, False),
        ("our own", live("Deployment", "qwen"), False),
        (
            "our own, its label edited away by hand, is repaired",
            live("Deployment", "qwen", labels={}),
            False,
        ),
        ("someone else's", live("Deployment", "qwen", ownerReferences=[]), True),
        (
            "of a deployment of the same name that is being collected",
            live("Deployment", "qwen", ownerReferences=[{"uid": "old"}]),
            True,
        ),
    ],
)
def test_a_name_that_is_taken(sentence: str, item: dict[str, Any] | None, foreign: bool) -> None:
    (desired,) = (item for item in DESIRED if item["kind"] == "Deployment")
    assert is_foreign(item, desired, deployment()) is foreign, sentence


def test_a_shared_claim_belongs_to_no_one_and_is_never_foreign() -> None:
    shared = build(deployment(cache={"accessMode": "ReadWriteMany"}), CONTEXT)
    (claim,) = (item for item in shared if item["kind"] == "PersistentVolumeClaim")
    assert not is_foreign({"metadata": {}}, claim, deployment())


def test_the_message_says_what_to_do() -> None:
    (desired,) = (item for item in DESIRED if item["kind"] == "Deployment")
    assert "a Deployment named qwen already exists" in foreign_message(desired)
