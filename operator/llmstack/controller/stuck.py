"""Is anything of a deployment stuck, so that Events may say why? Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]


def is_stuck(pods: Iterable[Object], claims: Iterable[Object], podless: Iterable[Object]) -> bool:
    """True if a pod has no container that has started, a claim is pending, or a Job has no pod.

    A pod is Pending while its init container downloads; that is progress.
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
