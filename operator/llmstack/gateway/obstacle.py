"""Why can a deployment without a replica not start until somebody acts?

Decided by the operator's status, if it is about the newest spec. What may pass by itself (an
unreachable source, a full node, a server that crashes and restarts) is no obstacle, so requests
wait.
"""

from llmstack.api import reasons
from llmstack.api.conditions import Condition, ConditionStatus, ConditionType
from llmstack.api.resource import LLMDeployment

_UNTIL_SOMEBODY_ACTS = frozenset(
    {
        reasons.SECRET_MISSING,
        reasons.CLAIM_MISSING,
        reasons.STORAGE_CLASS_MISSING,
        reasons.CONTEXT_LENGTH_TOO_LARGE,
        reasons.MODEL_TOO_LARGE,
        reasons.SOURCE_UNAUTHORIZED,
        reasons.SOURCE_NOT_FOUND,
        reasons.CHECKSUM_MISMATCH,
        reasons.NOT_GGUF,
        reasons.CACHE_NOT_WRITABLE,
    }
)
_NO_SUCH_IMAGE = ("not found", "manifest unknown", "denied", "unauthorized", "invalid reference")
"""Registries' messages about an image that no retry will find, unlike those of an outage."""


def obstacle_of(deployment: LLMDeployment) -> str:
    """Returns `Reason: message`, or "" if a replica may start."""
    if deployment.spec.replicas == 0:
        return f"{reasons.STOPPED}: spec.replicas is 0"
    found = {each.type: each for each in deployment.status.conditions}
    ready = found.get(ConditionType.READY)
    if ready is None or not _says_no(ready, deployment):
        return ""
    valid = found.get(ConditionType.SPEC_VALID)
    refused = valid is not None and _says_no(valid, deployment) and not deployment.status.replicas
    if refused or ready.reason in _UNTIL_SOMEBODY_ACTS or _no_such_image(ready):
        return f"{ready.reason}: {ready.message}"
    return ""


def _no_such_image(ready: Condition) -> bool:
    words = ready.message.lower()
    return ready.reason == reasons.IMAGE_PULL_FAILED and any(
        each in words for each in _NO_SUCH_IMAGE
    )


def _says_no(condition: Condition, deployment: LLMDeployment) -> bool:
    newest = condition.observed_generation == deployment.generation
    return newest and condition.status is ConditionStatus.FALSE
