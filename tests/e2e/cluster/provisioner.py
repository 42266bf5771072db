"""How do claims get their volumes, and volumes their end? Does what `volumes.py` decides.

Runs inside the node: a size-limited volume is a mount that only the node's processes see.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx

from .controlplane import ControlPlane
from .follow import follow
from .volumes import PROVISIONER, Refusal, Volume, is_released, volume_for

VOLUMES = "/api/v1/persistentvolumes"


class Provisioner:
    """Follows claims and volumes, each in a thread."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self._plane = plane
        self._directory = directory
        self._refused: set[str] = set()

    def start(self) -> None:
        """Works until the process ends."""
        for path, act in (
            ("/api/v1/persistentvolumeclaims", self._provide),
            (VOLUMES, self._delete),
        ):
            client = self._plane.client()
            threading.Thread(
                target=follow,
                args=(client, path, lambda found, act=act, client=client: act(client, found)),
                daemon=True,
            ).start()

    def _provide(self, client: httpx.Client, claim: dict[str, Any]) -> None:
        decided = volume_for(claim, self._directory)
        if isinstance(decided, Volume):
            self._make(client, decided)
        elif isinstance(decided, Refusal) and claim["metadata"]["uid"] not in self._refused:
            self._refused.add(claim["metadata"]["uid"])
            _report(client, claim, decided.message)

    def _make(self, client: httpx.Client, volume: Volume) -> None:
        # The directory comes first: a pod may be started as soon as the object exists.
        if not volume.path.exists():
            volume.path.mkdir(parents=True)
            if volume.size_limit is not None:
                _mount_limited(volume.path, volume.size_limit)
        answer = client.post(VOLUMES, json=volume.manifest)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def _delete(self, client: httpx.Client, volume: dict[str, Any]) -> None:
        if not is_released(volume):
            return
        path = Path(volume["spec"]["local"]["path"])
        if path.is_mount():
            subprocess.run(["umount", str(path)], check=True)
        shutil.rmtree(path, ignore_errors=True)
        answer = client.delete(f"{VOLUMES}/{volume['metadata']['name']}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()


def _mount_limited(path: Path, size: int) -> None:
    options = f"size={size},mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)


def _report(client: httpx.Client, claim: dict[str, Any], message: str) -> None:
    metadata = claim["metadata"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    reference |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    event = {
        "metadata": {"generateName": f"{metadata['name']}."},
        "involvedObject": reference,
        "type": "Warning",
        "reason": "ProvisioningFailed",
        "message": message,
        "source": {"component": PROVISIONER},
    }
    client.post(f"/api/v1/namespaces/{metadata['namespace']}/events", json=event)
