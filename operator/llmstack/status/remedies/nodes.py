"""What mends a replica that no node takes, or whose device lies idle?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.api.accelerator import RESOURCE_NAMES
from llmstack.status.remedies.remedy import (
    SERVER_LOG,
    Remedy,
    Step,
    message,
    patch,
)


def _columns(prefix: str) -> str:
    """A column for each vendor's device, for kubectl's custom-columns."""
    return ",".join(
        f"{vendor.name}:{prefix}.{resource.replace('.', chr(92) + '.')}"
        for vendor, resource in RESOURCE_NAMES.items()
    )


_DEVICES_OF_NODES = (
    f"kubectl get nodes -o custom-columns='NODE:.metadata.name,{_columns('.status.allocatable')}'"
)
_DEVICES_IN_USE = (
    "kubectl get pods --all-namespaces -o custom-columns="
    "'POD:.metadata.name,NODE:.spec.nodeName,"
    f"{_columns('.spec.containers[*].resources.limits')}'"
)

NODES: Mapping[str, Remedy] = {
    reasons.INSUFFICIENT_ACCELERATORS: Remedy(
        see=(message("Scheduled"), _DEVICES_OF_NODES, _DEVICES_IN_USE),
        mend=(
            Step(
                "*no node has any*: the vendor's device plugin does not run on the node, or names "
                "its devices otherwise: slices of a device (MIG) have a name of their own, for "
                "`spec.accelerator.resourceName`.",
                "kubectl get daemonsets --all-namespaces",
            ),
            Step(
                "*no node has more than …*: lower `spec.accelerator.count`, or add a larger node.",
                patch('{"accelerator": {"count": 1}}'),
            ),
            Step(
                "*no node has as many free*: add a node, or take devices back from what uses "
                "them: another deployment's `spec.replicas` or `spec.autoscaling.maxReplicas`. "
                "An update needs no spare device: the old replica goes first."
            ),
        ),
    ),
    reasons.UNSCHEDULABLE: Remedy(
        see=(
            message("Scheduled"),
            "kubectl get nodes -o custom-columns='NODE:.metadata.name,"
            "CPU:.status.allocatable.cpu,MEMORY:.status.allocatable.memory,"
            "TAINTS:.spec.taints[*].key'",
            "kubectl describe nodes",
        ),
        mend=(
            Step(
                "*Insufficient cpu* or *memory*: lower `spec.engine.resources.requests`. Without "
                "one for memory it is `spec.engine.promptCacheMemory` and 512 MiB.",
                patch('{"engine": {"promptCacheMemory": "256Mi"}}'),
            ),
            Step(
                "*untolerated taint*: tolerate it, where replicas belong on such nodes.",
                patch('{"accelerator": {"tolerations": [{"key": "TAINT", "operator": "Exists"}]}}'),
            ),
            Step(
                "*didn't match Pod's node affinity/selector*: correct "
                "`spec.accelerator.nodeSelector` or `spec.pod.affinity`."
            ),
            Step(
                "*volume node affinity conflict*: the cache lies on a node or in a zone that has "
                "no room. `spec.cache.accessMode: ReadWriteOnce` ties all replicas to one node: "
                "use a class that can share, or leave it out."
            ),
            Step(
                "*topology spread constraints*: see `spec.pod.topologySpreadConstraints`; with "
                "`whenUnsatisfiable: ScheduleAnyway` they are a wish."
            ),
        ),
    ),
    reasons.ACCELERATOR_UNUSED: Remedy(
        see=(
            message("Scheduled"),
            f"{SERVER_LOG} --limit-bytes=20000",
            "kubectl -n NAMESPACE exec POD -c llama-server -- nvidia-smi",
        ),
        mend=(
            Step(
                "*no usable GPU found*: the image has no backend for the device. Name one that "
                "has: `spec.engine.image`, or the chart value `serverImages.nvidia` "
                "([then](#chart-values) renew the replicas).",
                patch('{"engine": {"image": "IMAGE"}}'),
            ),
            Step(
                "*failed to initialize CUDA* (ROCm, …): the node's driver is older than the image "
                "wants, or not there. Renew the driver, or take an image of an older release."
            ),
            Step(
                "NVIDIA, where the runtime is not the node's default:",
                patch('{"accelerator": {"runtimeClassName": "nvidia"}}'),
            ),
            Step(
                "AMD and Intel: the device files belong to groups of the node (`render`, `video`; "
                "`stat -c %g /dev/dri/renderD128` there prints the number).",
                patch('{"pod": {"supplementalGroups": [105, 44]}}'),
            ),
        ),
    ),
}
