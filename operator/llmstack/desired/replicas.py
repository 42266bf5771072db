"""How many replicas does the operator ask for, and who owns the number?

A field that its sole owner drops from an apply falls back to its default: had the main apply ever
owned `spec.replicas` alone and dropped it, 3 replicas would become 1. So the Deployment is created
with the number, that not even the first pod is one too many, and before it is applied again the
number goes to a field manager of its own:

    absent                ─ apply all with replicas ─> main owns
    scaled by anyone      ─ through /scale ─> they own
    to be applied again   ─ main owns ─ llmstack-replicas applies the same number ─> both own
                                      ─ apply all without replicas ─> llmstack-replicas owns

An operator that dies anywhere goes on from what `managedFields` says. The number is not forced: a
conflict means that someone scaled in between, and the next pass reads the new one.
"""

from collections.abc import Mapping
from typing import Any

from llmstack.api.resource import LLMDeployment
from llmstack.api.scaling import AutoscalingSpec
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.metadata import MANAGER, Object
from llmstack.observed import Demand, Workload

_UNKNOWN = Demand()
_SLEEP_RETRY_SECONDS = 1.0


def initial_replicas(spec: LLMDeploymentSpec) -> int:
    """Return the number of replicas that the Deployment is created with.

    At least one where autoscaling allows none: its faults show, and its cache fills.
    """
    if spec.replicas is not None:
        return spec.replicas
    return spec.autoscaling.fewest_awake if spec.autoscaling else 1


def wanted_replicas(
    deployment: LLMDeployment, workload: Workload | None, demand: Demand = _UNKNOWN
) -> int | None:
    """Return the number of replicas to write through /scale, or None to leave it alone.

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
    """Return True if exactly one replica is requested, and it is of the newest template and ready.

    One that cannot start is not put to sleep, nor an update that fails: that has to show.
    """
    counts = (workload.wanted, workload.replicas, workload.updated, workload.ready)
    return counts == (1, 1, 1, 1) and workload.observed_generation >= workload.generation


def sleep_check_seconds(
    deployment: LLMDeployment, workload: Workload | None, demand: Demand
) -> float | None:
    """Return the seconds until it may be time to scale to zero, or None if it never is.

    Whoever begins to be idle after now is due later than that, so no look comes too late.
    """
    wish = deployment.spec.autoscaling
    if wish is None or wish.min_replicas or workload is None or workload.wanted != 1:
        return None
    left = wish.scale_to_zero_after_seconds - (demand.idle_seconds or 0.0)
    return max(left, _SLEEP_RETRY_SECONDS)


def created_with(desired: Object, replicas: int) -> Object:
    """What creates the Deployment."""
    return {**desired, "spec": {**desired["spec"], "replicas": replicas}}


def number_to_keep(desired: Object, live: Mapping[str, Any]) -> Object | None:
    """What `llmstack-replicas` applies before the Deployment is applied; None if it need not."""
    if replicas_owners(live) - {MANAGER}:
        return None
    name = {key: desired["metadata"][key] for key in ("name", "namespace")}
    head = {key: desired[key] for key in ("apiVersion", "kind")}
    return {**head, "metadata": name, "spec": {"replicas": live["spec"].get("replicas", 1)}}


def replicas_owners(live: Mapping[str, Any]) -> frozenset[str]:
    """Return the field managers that own `spec.replicas`."""
    entries = live.get("metadata", {}).get("managedFields") or ()
    return frozenset(
        entry.get("manager", "")
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    )
