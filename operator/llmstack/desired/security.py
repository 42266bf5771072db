"""What may the processes in a pod do? No more than the restricted Pod Security Standard allows."""

from llmstack.api.pod import PodSpec
from llmstack.desired.metadata import USER_ID, Object


def pod_security(pod: PodSpec, *, fixed_ids: bool = True) -> Object:
    """As which user and groups the containers run; without `fixed_ids` the cluster chooses them.

    The cache belongs to the group. OnRootMismatch: without it every start would walk through all
    files of the cache to change their group.
    """
    security: Object = {
        "runAsNonRoot": True,
        **(dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), USER_ID) if fixed_ids else {}),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if pod.supplemental_groups:
        security["supplementalGroups"] = list(pod.supplemental_groups)
    return security


def container_security() -> Object:
    """Return the security context of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
