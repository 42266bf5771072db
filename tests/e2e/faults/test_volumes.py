"""A cache that cannot be had or has no room."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack.stack import Stack

from .sentences import Sentence, check

SENTENCES = [
    Sentence(
        "the StorageClass does not exist",
        {"cache": {"size": "1Gi", "storageClassName": "nowhere"}},
        "Scheduled",
        "StorageClassMissing",
        ("StorageClass nowhere", "storageClassName"),
    ),
    Sentence(
        "the class cannot share a volume",
        {
            "cache": {
                "size": "1Gi",
                "storageClassName": "standard",
                "accessMode": "ReadWriteMany",
            }
        },
        "Scheduled",
        "VolumeUnbound",
        ("ReadWriteMany",),
    ),
    Sentence(
        "the named claim does not exist",
        {"cache": {"existingClaim": "nowhere"}},
        "Scheduled",
        "ClaimMissing",
        ("nowhere", "create it"),
    ),
]


@pytest.mark.parametrize("sentence", SENTENCES, ids=str)
def test_it_says_why_there_is_no_volume(stack: Stack, sentence: Sentence) -> None:
    check(stack, sentence)


def test_a_full_disk_says_how_much_is_missing(stack: Stack, bare: BareCluster) -> None:
    """The class `limited` gives a file system of exactly that size: ENOSPC is real."""
    assert stack.cluster is bare, "only the bare node has volumes with a real limit"
    cache = {"size": "16Mi", "storageClassName": "limited", "accessMode": "ReadWriteOnce"}

    check(
        stack,
        Sentence("", {"cache": cache}, "ModelReady", "CacheFull", ("MiB", "spec.cache.size")),
    )
