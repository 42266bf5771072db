"""Has a pass over a deployment anything to write that the last one had not?

What is desired, and what differs from it, follows from the spec, the root Secret, the operator's
settings and the children as they are, their status aside. A pass that found nothing to write leaves
a fingerprint of these; while it stays the same, no object is built and compared again.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment

_BYTES = 16


class Unchanged:
    """One fingerprint for each deployment whose last pass had nothing to write."""

    def __init__(self) -> None:
        self._known: dict[Key, bytes] = {}

    def holds(self, key: Key, inputs: bytes) -> bool:
        """True if a pass with these inputs had nothing to write."""
        return self._known.get(key) == inputs

    def note(self, key: Key, inputs: bytes, *, nothing_to_write: bool) -> None:
        """What a pass with these inputs has found."""
        if nothing_to_write:
            self._known[key] = inputs
        else:
            self._known.pop(key, None)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._known.pop(key, None)


def fingerprint(
    deployment: LLMDeployment, root: bytes, children: Mapping[Any, Mapping[str, Any]]
) -> bytes:
    """Of all that decides what is written for a deployment, for one process of the operator."""
    told = hashlib.blake2b(root, digest_size=_BYTES)
    told.update(f"{deployment.uid} {deployment.generation}\n".encode())
    for place in sorted(children):
        told.update(orjson.dumps(_lasting(children[place])))
    return told.digest()


def _lasting(child: Mapping[str, Any]) -> dict[str, Any]:
    """Without its status, which changes while replicas start and decides nothing here."""
    metadata = {name: value for name, value in child["metadata"].items() if name not in _MOVING}
    return {**child, "status": None, "metadata": metadata}


_MOVING = ("resourceVersion", "managedFields")
