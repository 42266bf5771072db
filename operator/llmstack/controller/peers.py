"""Is there another operator pod to take over?"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmstack.desired.metadata import COMPONENT_LABEL, INSTANCE_LABEL, NAME_LABEL
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import POD

_OURS = (NAME_LABEL, INSTANCE_LABEL, COMPONENT_LABEL)


async def is_last(client: KubeClient, namespace: str, pod: str) -> bool:
    """True if no other pod of the operator is ready and not terminating.

    False if this process does not run in a pod, because then it is unknown. Raises ApiError.
    """
    return no_other_stays(await client.list(POD, namespace), pod)


def no_other_stays(pods: Sequence[Mapping[str, Any]], pod: str) -> bool:
    """Returns the same, given all pods of the namespace."""
    mine = next((each for each in pods if each["metadata"]["name"] == pod), None)
    if mine is None or len(_kind(mine)) < len(_OURS):
        return False
    return not any(
        each["metadata"]["name"] != pod
        and _kind(each) == _kind(mine)
        and "deletionTimestamp" not in each["metadata"]
        and _ready(each)
        for each in pods
    )


def _kind(pod: Mapping[str, Any]) -> dict[str, str]:
    labels = pod["metadata"].get("labels") or {}
    return {name: labels[name] for name in _OURS if name in labels}


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
