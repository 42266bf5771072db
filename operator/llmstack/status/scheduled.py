"""Scheduled: has every replica a node, with the volume and the devices it asks for?"""

from collections.abc import Sequence

from llmstack.api import reasons
from llmstack.api.cache import AccessMode
from llmstack.api.conditions import Finding
from llmstack.observed import Claim, Pod
from llmstack.status.checks import Check, count, decide, no, once, unknown, yes
from llmstack.status.situation import Situation

_BOUND = "Bound"
_MOST_NAMES = 12


@once
def scheduled(situation: Situation) -> Finding:
    """True when each replica of the newest template has a node."""
    waiting = unknown(reasons.PENDING, "no replica exists yet")
    return decide(situation, _CHECKS, waiting)


def _no_replicas(situation: Situation) -> Finding | None:
    if not situation.has_no_replicas:
        return None
    return yes(reasons.STOPPED, "no replica is requested")


def _out_of_reach(situation: Situation) -> Finding | None:
    held = situation.held
    return no(held.reason, held.message) if held and held.reason else None


def _claim_missing(situation: Situation) -> Finding | None:
    missing = situation.observed.missing_claims
    if not missing:
        return None
    return no(
        reasons.CLAIM_MISSING,
        f"PersistentVolumeClaim {', '.join(missing)} does not exist in namespace "
        f"{situation.deployment.namespace}: create it, or fix the name in the spec",
    )


def _storage_class_missing(situation: Situation) -> Finding | None:
    known = situation.observed.storage_classes
    choice = f"; this cluster has {', '.join(sorted(known))}" if known else ""
    for claim in _unbound(situation):
        if claim.storage_class and claim.storage_class not in known:
            return no(
                reasons.STORAGE_CLASS_MISSING,
                f"StorageClass {claim.storage_class} does not exist: create it, or change "
                f"spec.cache.storageClassName{choice}",
            )
        if not claim.storage_class and situation.observed.default_storage_class is None:
            return no(
                reasons.STORAGE_CLASS_MISSING,
                "the cluster has no default StorageClass: mark one as the default, or set "
                f"spec.cache.storageClassName{choice}",
            )
    return None


def _volume_unbound(situation: Situation) -> Finding | None:
    """A claim that waits for its first pod is no fault, and says nothing."""
    for claim in _unbound(situation):
        if claim.phase == "Lost":
            return no(
                reasons.VOLUME_UNBOUND, f"the volume of PersistentVolumeClaim {claim.name} is lost"
            )
        if claim.message:
            words = f"PersistentVolumeClaim {claim.name} is not bound: {claim.message}"
            return no(reasons.VOLUME_UNBOUND, words)
    blamed = (pod for pod in _homeless(situation) if "unbound immediate" in pod.unschedulable)
    pod = next(blamed, None)
    return no(reasons.VOLUME_UNBOUND, _scheduler(pod)) if pod else None


def _insufficient_accelerators(situation: Situation) -> Finding | None:
    resource, wanted = situation.spec.accelerator.resource, situation.spec.accelerator.count
    homeless = [pod for pod in _homeless(situation) if pod.unschedulable]
    if resource is None or not homeless:
        return None
    most = situation.observed.accelerators
    if most is not None and most < wanted:
        return no(
            reasons.INSUFFICIENT_ACCELERATORS,
            _never_enough(resource, wanted, most, situation.observed.offered),
        )
    if f"Insufficient {resource}" not in homeless[0].unschedulable:
        return None
    return no(
        reasons.INSUFFICIENT_ACCELERATORS,
        f"a replica requests {wanted} {resource} but no node has that many free: "
        f"{_scheduler(homeless[0])}",
    )


def _never_enough(resource: str, wanted: int, most: int, offered: Sequence[str]) -> str:
    if most == 0:
        words = f"a replica requests {wanted} {resource} but no node has any: "
        if offered:
            more = ", …" if len(offered) > _MOST_NAMES else ""
            names = ", ".join(offered[:_MOST_NAMES]) + more
            words += f"set spec.accelerator.resourceName to a resource of a node ({names}), or "
        return words + "install the device plugin, add a node, or change spec.accelerator"
    return (
        f"a replica requests {wanted} {resource} but no node has more than {most}: lower "
        "spec.accelerator.count, or add a larger node"
    )


def _unschedulable(situation: Situation) -> Finding | None:
    blamed = [pod for pod in _homeless(situation) if pod.unschedulable and not _claimless(pod)]
    return no(reasons.UNSCHEDULABLE, _scheduler(blamed[0])) if blamed else None


def _claimless(pod: Pod) -> bool:
    """Return True if the pod waits for its ephemeral volume's claim, as on each first start.

    If the claim cannot be created, an Event of the pod says so and Progressing repeats it.
    """
    return "waiting for ephemeral volume controller" in pod.unschedulable


def _waiting(situation: Situation) -> Finding | None:
    homeless = _homeless(situation)
    if not homeless:
        return None
    return unknown(reasons.PENDING, f"{count(len(homeless), 'replica')} not yet assigned to a node")


def _accelerator_unused(situation: Situation) -> Finding | None:
    """A warning: the replica answers, only slower than its device could."""
    idle = [pod for pod in situation.pods if pod.accelerator_unused]
    if not idle or not situation.spec.accelerator.present:
        return None
    accelerator, pod = situation.spec.accelerator, idle[0]
    return yes(
        reasons.ACCELERATOR_UNUSED,
        f"replica {pod.name} holds {accelerator.resource or 'a device'} but computes on the CPU "
        f"({pod.accelerator_unused}): set spec.engine.image to an image for "
        f"{accelerator.vendor.value}, or check the driver on node {pod.node}",
    )


def _placed(situation: Situation) -> Finding | None:
    if not situation.pods:
        return None
    nodes = {pod.node for pod in situation.pods}
    where = f"{count(len(situation.pods), 'replica')} on {count(len(nodes), 'node')}"
    return yes(reasons.SCHEDULED, where + _tied(situation))


def _tied(situation: Situation) -> str:
    cache = situation.spec.cache
    if cache.access_mode is not AccessMode.READ_WRITE_ONCE:
        return ""
    return "; spec.cache.accessMode ReadWriteOnce ties all replicas to the node of the volume"


def _homeless(situation: Situation) -> list[Pod]:
    return [pod for pod in situation.pods if not pod.node]


def _unbound(situation: Situation) -> list[Claim]:
    """Return the claims that may block a replica; none once all replicas have nodes."""
    if situation.pods and not _homeless(situation):
        return []
    return [claim for claim in situation.observed.claims if claim.phase != _BOUND]


def _scheduler(pod: Pod) -> str:
    """The scheduler's own words, without those on claims and preemption, which name no remedy."""
    words = pod.unschedulable.partition(" preemption:")[0]
    return words.removesuffix(" no new claims to deallocate,").rstrip(". ")


_CHECKS: tuple[Check, ...] = (
    _out_of_reach,  # no node could ever take a replica of the newest spec
    _no_replicas,
    _claim_missing,  # volumes first: the scheduler only says that a claim is not bound
    _storage_class_missing,
    _volume_unbound,
    _insufficient_accelerators,  # before the general answer, which counts nodes but not devices
    _unschedulable,
    _waiting,
    _accelerator_unused,
    _placed,
)
