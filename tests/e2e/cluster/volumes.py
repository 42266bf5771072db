"""Which volume does a claim get? Pure: the provisioner asks, and does what the answer says.

The kubelet makes a `local` volume writable for the pod's fsGroup; a hostPath volume it does not,
so restricted pods could not write to one. Volumes of the class `limited` are file systems of
exactly the size of the claim: writing more fails with ENOSPC, as a full disk does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROVISIONER = "llmstack.dev/local"
STORAGE_CLASSES = {
    # name: (is the default, access modes, has a size limit)
    "standard": (True, frozenset({"ReadWriteOnce", "ReadWriteOncePod"}), False),
    "shared": (False, frozenset({"ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"}), False),
    "limited": (False, frozenset({"ReadWriteOnce", "ReadWriteMany"}), True),
}
SELECTED_NODE = "volume.kubernetes.io/selected-node"
UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6}
UNITS |= {"G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class Volume:
    """A volume to be made: its object and what the disk needs for it."""

    manifest: dict[str, Any]
    path: Path
    size_limit: int | None
    """In bytes; None where the disk is the limit."""


@dataclass(frozen=True)
class Refusal:
    """Why a claim gets no volume; becomes an Event on the claim."""

    message: str


def storage_class(name: str) -> dict[str, Any]:
    """The StorageClass object `name`."""
    is_default, _, _ = STORAGE_CLASSES[name]
    annotation = {"storageclass.kubernetes.io/is-default-class": str(is_default).lower()}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotation},
        "provisioner": PROVISIONER,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def volume_for(claim: dict[str, Any], directory: Path) -> Volume | Refusal | None:
    """What does `claim` get under `directory`? None while it is not our turn or not our claim."""
    spec, metadata = claim["spec"], claim["metadata"]
    name = spec.get("storageClassName")
    node = metadata.get("annotations", {}).get(SELECTED_NODE)
    # Without a node the scheduler has not placed a pod yet: WaitForFirstConsumer.
    if name not in STORAGE_CLASSES or spec.get("volumeName") or node is None:
        return None
    _, allowed, limited = STORAGE_CLASSES[name]
    if refused := sorted(set(spec["accessModes"]) - allowed):
        return Refusal(
            f"Storage class {name} cannot provide {', '.join(refused)}; "
            f"it provides {', '.join(sorted(allowed))}."
        )
    if spec.get("volumeMode", "Filesystem") != "Filesystem":
        return Refusal(f"Storage class {name} provides file systems only, no block devices.")
    size = spec["resources"]["requests"]["storage"]
    volume = "pvc-" + metadata["uid"]
    path = directory / volume
    return Volume(
        _persistent_volume(volume, claim, path, node), path, byte_count(size) if limited else None
    )


def is_released(volume: dict[str, Any]) -> bool:
    """Is this one of our volumes whose claim is gone, so that its data has to go too?"""
    annotations = volume["metadata"].get("annotations", {})
    ours = annotations.get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    deletes = volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    return bool(ours and deletes and volume.get("status", {}).get("phase") == "Released")


def byte_count(quantity: str) -> int:
    """How many bytes does a quantity such as `1.5Gi` mean?"""
    number = quantity.rstrip("KMGTikm")
    return int(float(number) * UNITS[quantity[len(number) :]])


def _persistent_volume(name: str, claim: dict[str, Any], path: Path, node: str) -> dict[str, Any]:
    spec, metadata = claim["spec"], claim["metadata"]
    host = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [host]}]}},
            # Bound from the start: no other claim can take it.
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }
