"""Is anything of a deployment not getting on, so that Events may tell why? Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]


def is_stuck(pods: Iterable[Object], claims: Iterable[Object], podless: Iterable[Object]) -> bool:
    """True for a pod none of whose containers has begun, a pending claim, or a Job without a pod.

    A pod is Pending for as long as its init container downloads: that one gets on.
    """
    return (
        any(_pending(pod) and not _has_begun(pod) for pod in pods)
        or any(_pending(claim) for claim in claims)
        or any(not _ended(job) for job in podless)
    )


def _pending(body: Object) -> bool:
    return str((body.get("status") or {}).get("phase", "Pending")) == "Pending"


def _has_begun(pod: Object) -> bool:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return any("waiting" not in (status.get("state") or {"waiting": {}}) for status in statuses)


def _ended(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(item["type"] in ("Complete", "Failed") for item in conditions)
