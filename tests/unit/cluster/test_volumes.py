"""Which volume does a claim get?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.volumes import (
    PROVISIONER,
    SELECTED_NODE,
    STORAGE_CLASSES,
    Refusal,
    Volume,
    byte_count,
    is_released,
    storage_class,
    volume_for,
)

DIRECTORY = Path("/volumes")


def claim(
    storage: str | None = "standard",
    modes: tuple[str, ...] = ("ReadWriteOnce",),
    node: str | None = "node-1",
    **spec: Any,
) -> dict[str, Any]:
    annotations = {SELECTED_NODE: node} if node else {}
    return {
        "metadata": {"name": "c", "namespace": "n", "uid": "u1", "annotations": annotations},
        "spec": {
            "storageClassName": storage,
            "accessModes": list(modes),
            "resources": {"requests": {"storage": "1Gi"}},
        }
        | spec,
    }


@pytest.mark.parametrize(
    ("why", "asked"),
    [
        ("the scheduler has not chosen a node", claim(node=None)),
        ("it has a volume already", claim(volumeName="pvc-u1")),
        ("its class is another provisioner's", claim(storage="theirs")),
        ("it asks for no class at all", claim(storage=None)),
        ("it asks for volumes made by hand", claim(storage="")),
    ],
)
def test_a_claim_is_left_alone_when(why: str, asked: dict[str, Any]) -> None:
    assert volume_for(asked, DIRECTORY) is None, why


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (claim("standard", ("ReadWriteMany",)), "standard cannot provide ReadWriteMany"),
        (claim("standard", ("ReadWriteOnce", "ReadOnlyMany")), "cannot provide ReadOnlyMany"),
        (claim("shared", ("ReadWriteOncePod",)), "shared cannot provide ReadWriteOncePod"),
        (claim(volumeMode="Block"), "no block devices"),
    ],
)
def test_a_claim_is_refused_with_the_reason(asked: dict[str, Any], message: str) -> None:
    decided = volume_for(asked, DIRECTORY)
    assert isinstance(decided, Refusal)
    assert message in decided.message


@pytest.mark.parametrize(
    ("asked", "size_limit"),
    [
        (claim("standard"), None),
        (claim("shared", ("ReadWriteMany",)), None),
        (claim("limited"), 2**30),
    ],
)
def test_a_claim_gets_a_volume(asked: dict[str, Any], size_limit: int | None) -> None:
    decided = volume_for(asked, DIRECTORY)
    assert isinstance(decided, Volume)
    assert decided.path == DIRECTORY / "pvc-u1"
    assert decided.size_limit == size_limit
    spec = decided.manifest["spec"]
    assert spec["local"] == {"path": "/volumes/pvc-u1"}
    assert spec["claimRef"]["uid"] == "u1"
    assert spec["accessModes"] == asked["spec"]["accessModes"]
    terms = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["node-1"]


def volume(by: str, policy: str, phase: str) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": by}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("found", "released"),
    [
        (volume(PROVISIONER, "Delete", "Released"), True),
        (volume(PROVISIONER, "Delete", "Bound"), False),
        (volume(PROVISIONER, "Retain", "Released"), False),
        (volume("theirs", "Delete", "Released"), False),
    ],
)
def test_data_is_deleted_only_when_nobody_wants_it(found: dict[str, Any], released: bool) -> None:
    assert is_released(found) is released


@pytest.mark.parametrize(
    ("quantity", "count"),
    [("512", 512), ("4Mi", 4 * 2**20), ("1.5Gi", 3 * 2**29), ("2G", 2 * 10**9), ("1k", 1000)],
)
def test_a_quantity_is_so_many_bytes(quantity: str, count: int) -> None:
    assert byte_count(quantity) == count


def test_exactly_one_class_is_the_default_one() -> None:
    key = "storageclass.kubernetes.io/is-default-class"
    classes = [storage_class(name) for name in STORAGE_CLASSES]
    assert [one["metadata"]["annotations"][key] for one in classes].count("true") == 1
