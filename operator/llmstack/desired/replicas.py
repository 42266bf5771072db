"""How many replicas does the operator ask for, and who owns the number?

A field that its sole owner drops from an apply falls back to its default: had the main apply ever
owned `spec.replicas` alone and dropped it, 3 replicas would become 1. So the number belongs to a
field manager of its own, and the main apply has it only while the Deployment is created, so that
not even the first pod is one too many:

    absent                ─ apply all with replicas ─> main owns
    main owns             ─ llmstack-replicas applies the same number ─> both own
    both own              ─ apply all without replicas ─> llmstack-replicas owns
    anyone else owns      ─ nothing: it was changed through /scale

An operator that dies anywhere goes on from what `managedFields` says. No step is forced: a
conflict means that someone scaled in between, and the next pass reads the new number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER, Object
from llmstack.observed import Workload


@dataclass(frozen=True)
class ReplicasStep:
    """One apply. By `llmstack` the whole object, by `llmstack-replicas` the number alone.

    `replicas` None leaves the field out.
    """

    manager: str
    replicas: int | None


def bounds(spec: LLMDeploymentSpec) -> tuple[int, int | None]:
    """Between which numbers may replicas be? None: no upper bound.

    Nothing wakes a sleeping deployment in this version, so autoscaling goes no lower than one.
    """
    if spec.replicas is not None:
        return spec.replicas, spec.replicas
    if spec.autoscaling is not None:
        return max(1, spec.autoscaling.min_replicas), spec.autoscaling.max_replicas
    return 1, None


def initial_replicas(spec: LLMDeploymentSpec) -> int:
    """With how many replicas is the Deployment created?"""
    return bounds(spec)[0]


def wanted_replicas(deployment: LLMDeployment, workload: Workload | None) -> int | None:
    """Which number is written through /scale? None leaves it alone.

    A running number within the bounds is kept, also where the spec no longer says where it came
    from: autoscaling that is switched on or off at 3 replicas leaves 3, and so does removing
    `replicas: 3`. Removing `replicas: 0` starts one replica: no one else would ever start it.
    """
    low, high = bounds(deployment.spec)
    if workload is None:
        return low
    running = workload.wanted
    wanted = max(low, running if high is None else min(running, high))
    return None if wanted == running else wanted


def hand_over(live: Mapping[str, Any] | None, initial: int) -> tuple[ReplicasStep, ...]:
    """Which applies bring the number to its own manager? None once it is there."""
    if live is None:
        return (ReplicasStep(MANAGER, initial), *_from_main(initial))
    owners = replicas_owners(live)
    running = live["spec"].get("replicas", 1)
    if MANAGER in owners:
        return _from_main(running)
    return () if owners else (ReplicasStep(REPLICAS_MANAGER, running),)


def _from_main(replicas: int) -> tuple[ReplicasStep, ...]:
    """The new owner comes before the old one lets go."""
    return ReplicasStep(REPLICAS_MANAGER, replicas), ReplicasStep(MANAGER, None)


def replicas_owners(live: Mapping[str, Any]) -> frozenset[str]:
    """Which field managers own `spec.replicas`?"""
    entries = live.get("metadata", {}).get("managedFields") or ()
    return frozenset(
        entry.get("manager", "")
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    )


def step_object(desired: Object, step: ReplicasStep) -> Object:
    """What does this step apply? `desired` is the Deployment as it was built."""
    if step.manager == REPLICAS_MANAGER:
        name = {key: desired["metadata"][key] for key in ("name", "namespace")}
        head = {key: desired[key] for key in ("apiVersion", "kind")}
        return {**head, "metadata": name, "spec": {"replicas": step.replicas}}
    if step.replicas is None:
        return desired
    return {**desired, "spec": {**desired["spec"], "replicas": step.replicas}}
