"""May the definition in the cluster be replaced by ours?

    in the cluster                                  what happens to it
    none                                            ours is applied
    of an older or an unknown version               ours is applied
    of the same version                             ours is applied: manual edits are reverted
    of a newer version                              it stays: objects may use fields that ours lacks
    has stored objects in a version that ours lacks refused: they could not be read any more

So an older chart, by a rollback or beside a newer release, never takes fields away from objects.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from llmstack.api.resource import GROUP
from llmstack.errors import InvalidInput

VERSION_ANNOTATION = f"{GROUP}/version"
"""Which version of llm-stack is this definition of? Major, minor and patch."""

Definition = Mapping[str, Any]


class Update(Enum):
    """What to do with the CRD in the cluster."""

    APPLY = "apply"
    KEEP = "keep"


class DefinitionRefused(InvalidInput):
    """The chart's CRD cannot replace the one in the cluster: stored objects would be unreadable."""


def plan(live: Definition | None, ours: Definition) -> Update:
    """Decide whether to apply our CRD over the one in the cluster. Raises DefinitionRefused."""
    if live is None:
        return Update.APPLY
    if _order(version_of(live)) > _order(version_of(ours)):
        return Update.KEEP
    if missing := _stored(live) - _versions(ours):
        raise DefinitionRefused(
            f"{live['metadata']['name']}: objects may be stored as {', '.join(sorted(missing))}, "
            f"which version {version_of(ours)} cannot read. With the installed version, rewrite "
            "each object (kubectl get llmd --all-namespaces --output=yaml | kubectl replace "
            "--filename=-), then remove the old version from status.storedVersions of the CRD."
        )
    return Update.APPLY


def version_of(definition: Definition) -> str:
    """Return the llm-stack version of a CRD, or "" if it has none."""
    annotations = definition["metadata"].get("annotations") or {}
    return str(annotations.get(VERSION_ANNOTATION, ""))


def established(live: Definition) -> bool:
    """Return True if the API server serves this CRD."""
    return _condition(live, "Established").get("status") == "True"


def name_conflict(live: Definition) -> str:
    """Return the API server's message if it rejects the CRD's names, otherwise ""."""
    accepted = _condition(live, "NamesAccepted")
    return str(accepted.get("message", "")) if accepted.get("status") == "False" else ""


def _condition(live: Definition, kind: str) -> Mapping[str, Any]:
    found = live.get("status", {}).get("conditions") or ()
    return next((each for each in found if each["type"] == kind), {})


def _order(version: str) -> tuple[int, ...]:
    """Versions in their order; what is no version comes before all of them."""
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, numbers.groups())) if numbers else ()


def _stored(live: Definition) -> set[str]:
    return set(live.get("status", {}).get("storedVersions") or ())


def _versions(definition: Definition) -> set[str]:
    return {version["name"] for version in definition["spec"]["versions"]}
