"""Does a pass over a deployment have anything to write that the last one did not?

What is desired, and how it differs from what exists, follows from the spec, the root Secret, the
operator's settings and the children without their status. A pass that found nothing to write stores
a fingerprint of these. While it stays the same, no object is built and compared again.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment

_BYTES = 16


class Unchanged:
    """The fingerprints of deployments whose last pass had nothing to write."""

    def __init__(self) -> None:
        self._known: dict[Key, bytes] = {}

    def holds(self, key: Key, inputs: bytes) -> bool:
        """True if the last pass had these inputs and nothing to write."""
        return self._known.get(key) == inputs

    def note(self, key: Key, inputs: bytes, *, nothing_to_write: bool) -> None:
        """Records the result of a pass with these inputs."""
        if nothing_to_write:
            self._known[key] = inputs
        else:
            self._known.pop(key, None)

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._known.pop(key, None)


def fingerprint(
    deployment: LLMDeployment, root: bytes, children: Mapping[Any, Mapping[str, Any]]
) -> bytes:
    """Returns a digest of everything that decides what is written, valid in this process only."""
    told = hashlib.blake2b(root, digest_size=_BYTES)
    told.update(f"{deployment.uid} {deployment.generation}\n".encode())
    for place in sorted(children):
        told.update(orjson.dumps(_lasting(children[place])))
    return told.digest()


def _lasting(child: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the child without its status, which changes at startup and decides nothing here."""
    metadata = {name: value for name, value in child["metadata"].items() if name not in _MOVING}
    return {**child, "status": None, "metadata": metadata}


_MOVING = ("resourceVersion", "managedFields")
