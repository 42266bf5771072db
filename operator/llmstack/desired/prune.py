"""Which live objects are no longer wanted, and which are not ours to touch?"""

from collections.abc import Iterable, Mapping
from typing import Any

from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import DEPLOYMENT_LABEL, Object

_NEVER = frozenset({"PersistentVolumeClaim"})
"""Kinds that hold the user's data."""


def prunable(
    deployment: LLMDeployment, live: Iterable[Object], desired: Iterable[Object]
) -> tuple[Object, ...]:
    """Return the live objects to delete.

    Those that carry the deployment's label, are owned by this very deployment (by uid: one that was
    deleted and created again does not count), and are not desired.
    """
    kept = {_identity(item) for item in desired}
    return tuple(
        item
        for item in live
        if item["kind"] not in _NEVER
        and _identity(item) not in kept
        and (item["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL) == deployment.name
        and is_owned(item, deployment)
        and "deletionTimestamp" not in item["metadata"]
    )


def is_owned(live: Mapping[str, Any], deployment: LLMDeployment) -> bool:
    """Return True if the object belongs to this very deployment."""
    references = live["metadata"].get("ownerReferences") or ()
    return any(reference.get("uid") == deployment.uid for reference in references)


def is_foreign(live: Mapping[str, Any] | None, desired: Object, deployment: LLMDeployment) -> bool:
    """Return True if something else already uses the name of a desired object.

    It must not be overwritten: server-side apply would take it over silently.
    """
    if live is None or not desired["metadata"].get("ownerReferences"):
        return False
    return not is_owned(live, deployment)


def foreign_message(desired: Object) -> str:
    """Return the message for a name that is already in use."""
    kind, name = desired["kind"], desired["metadata"]["name"]
    return (
        f"a {kind} named {name} already exists and does not belong to this LLMDeployment: delete "
        "or rename it, or give the LLMDeployment another name"
    )


def _identity(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]
