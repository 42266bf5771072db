"""Which warnings show only in Events?

A volume that cannot be mounted or provisioned shows nowhere else. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]

_VOLUME_REASONS = frozenset({"FailedMount", "FailedAttachVolume", "FailedBinding"})
_JOB_REASONS = frozenset({"FailedCreate"})
_CLAIM_REASONS = frozenset({"ProvisioningFailed", "FailedBinding", "VolumeResizeFailed"})


def volume_messages(events: Iterable[Object]) -> dict[str, str]:
    """Returns the latest warning about a mount, by the pod's uid."""
    return _newest(events, "Pod", _VOLUME_REASONS)


def claim_messages(events: Iterable[Object]) -> dict[str, str]:
    """Returns the latest warning about provisioning, by the claim's uid."""
    return _newest(events, "PersistentVolumeClaim", _CLAIM_REASONS)


def job_messages(events: Iterable[Object]) -> dict[str, str]:
    """Returns why a Job's pod cannot be created, by the Job's uid."""
    return _newest(events, "Job", _JOB_REASONS)


def _newest(events: Iterable[Object], kind: str, reasons: frozenset[str]) -> dict[str, str]:
    found = sorted(
        (_time(event), event["involvedObject"].get("uid", ""), event.get("message") or "")
        for event in events
        if event.get("type") == "Warning"
        and event.get("reason") in reasons
        and event["involvedObject"].get("kind") == kind
    )
    return {uid: message for _, uid, message in found}


def _time(event: Object) -> str:
    """Returns when it was last seen, as text: Kubernetes times of one format sort correctly."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
