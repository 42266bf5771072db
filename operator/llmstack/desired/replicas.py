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
from llmstack.api.scaling import AutoscalingSpec
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER, Object
from llmstack.observed import Demand, Workload

_UNKNOWN = Demand()
_SLEEP_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class ReplicasStep:
    """One apply. By `llmstack` the whole object, by `llmstack-replicas` the number alone.

    `replicas` None leaves the field out.
    """

    manager: str
    replicas: int | None


def initial_replicas(spec: LLMDeploymentSpec) -> int:
    """With how many replicas is the Deployment created?

    At least one where autoscaling allows none: its faults show, and its cache fills.
    """
    if spec.replicas is not None:
        return spec.replicas
    return spec.autoscaling.fewest_awake if spec.autoscaling else 1


def wanted_replicas(
    deployment: LLMDeployment, workload: Workload | None, demand: Demand = _UNKNOWN
) -> int | None:
    """Which number is written through /scale? None leaves it alone.

    Where autoscaling is on, the HorizontalPodAutoscaler writes all numbers but two: from zero to
    one and from one to zero. A running number is kept where the spec no longer says where it came
    from: autoscaling that is switched on or off at 3 replicas leaves 3, and so does removing
    `replicas: 3`. Removing `replicas: 0` starts one replica: no one else would ever start it.
    """
    spec = deployment.spec
    if workload is None:
        return initial_replicas(spec)
    running = workload.wanted
    wanted = running or 1
    if spec.replicas is not None:
        wanted = spec.replicas
    elif spec.autoscaling and spec.autoscaling.min_replicas == 0:
        wanted = _with_sleep(spec.autoscaling, workload, demand)
    return None if wanted == running else wanted


def _with_sleep(wish: AutoscalingSpec, workload: Workload, demand: Demand) -> int:
    if workload.wanted == 0:
        return int(demand.wanted)
    idle = demand.idle_seconds
    due = idle is not None and idle >= wish.scale_to_zero_after_seconds
    return 0 if due and _one_up(workload) else workload.wanted


def _one_up(workload: Workload) -> bool:
    """Is one replica asked for, and is there one, of the newest template, and ready?

    One that cannot start is not put to sleep, nor an update that fails: that has to show.
    """
    counts = (workload.wanted, workload.replicas, workload.updated, workload.ready)
    return counts == (1, 1, 1, 1) and workload.observed_generation >= workload.generation


def sleep_check_seconds(
    deployment: LLMDeployment, workload: Workload | None, demand: Demand
) -> float | None:
    """After how many seconds may it be time to sleep? None where it never is.

    Whoever begins to be idle after now is due later than that, so no look comes too late.
    """
    wish = deployment.spec.autoscaling
    if wish is None or wish.min_replicas or workload is None or workload.wanted != 1:
        return None
    left = wish.scale_to_zero_after_seconds - (demand.idle_seconds or 0.0)
    return max(left, _SLEEP_RETRY_SECONDS)


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
