"""Autoscaling: does the number of replicas follow the load?

What the HorizontalPodAutoscaler says, in words. How busy the slots are changes with each request
and is no part of a status: `kubectl get hpa` shows it.
"""

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, Finding
from llmstack.desired.cache import downloads
from llmstack.desired.metadata import autoscaler_name
from llmstack.errors import InvalidInput
from llmstack.observed import Autoscaler
from llmstack.status.checks import Check, count, decide, no, once, unknown, yes
from llmstack.status.situation import Situation

_DISABLED = "ScalingDisabled"
_TOO_MANY = "TooManyReplicas"


@once
def autoscaling(situation: Situation) -> Finding:
    """True while it does, asleep or not; with a warning where each wake downloads the model."""
    if situation.spec.autoscaling is None:
        return _fixed(situation)
    waiting = unknown(reasons.PENDING, "the HorizontalPodAutoscaler has not read the load yet")
    finding = decide(situation, _CHECKS, waiting)
    if finding.status is ConditionStatus.TRUE and _wake_downloads(situation):
        return yes(
            reasons.WAKE_DOWNLOADS,
            f"{finding.message}; with minReplicas 0 and no persistent cache, the model is "
            "downloaded again each time that a request starts a replica: set "
            "spec.cache.accessMode or spec.cache.existingClaim",
        )
    return finding


def _fixed(situation: Situation) -> Finding:
    fixed, wanted = situation.spec.replicas, situation.wanted
    if fixed is not None:
        return no(reasons.FIXED, f"fixed at {count(fixed, 'replica')} by spec.replicas")
    at = "" if wanted is None else f", now {wanted}"
    return no(
        reasons.FIXED,
        f"neither spec.replicas nor spec.autoscaling is set: the operator does not change the "
        f"number of replicas{at}",
    )


def _wake_downloads(situation: Situation) -> bool:
    cache = situation.spec.cache
    kept = cache.access_mode is not None or cache.existing_claim is not None
    try:
        return situation.may_sleep and not kept and downloads(situation.spec)
    except InvalidInput:
        return False  # SpecValid says what is wrong with the source


def _no_metrics_api(situation: Situation) -> Finding | None:
    trouble = situation.observed.metrics_api
    if not trouble:
        return None
    return no(
        reasons.METRICS_API_UNAVAILABLE,
        f"the number of replicas does not follow the load: {trouble}",
    )


def _asleep(situation: Situation) -> Finding | None:
    if not situation.asleep:
        return None
    return yes(reasons.ASLEEP, "idle and scaled to zero; the next request starts a replica")


def _cannot_scale(situation: Situation) -> Finding | None:
    able = _autoscaler(situation).able
    return no(reasons.SCALING_FAILED, able.message) if able.status == "False" else None


def _no_metrics(situation: Situation) -> Finding | None:
    """Where it is disabled it was at zero when it last looked, and looks again soon."""
    active = _autoscaler(situation).active
    if active.status != "False" or active.reason == _DISABLED:
        return None
    return no(reasons.METRICS_UNAVAILABLE, active.message)


def _at_maximum(situation: Situation) -> Finding | None:
    autoscaler, wish = _autoscaler(situation), situation.spec.autoscaling
    held = autoscaler.limited.status == "True" and autoscaler.limited.reason == _TOO_MANY
    if wish is None or not held or autoscaler.active.status != "True":
        return None
    return yes(
        reasons.AT_MAXIMUM,
        f"the load requires more than {count(wish.max_replicas, 'replica')}: raise "
        f"spec.autoscaling.maxReplicas if requests wait too long{_look(situation)}",
    )


def _following(situation: Situation) -> Finding | None:
    autoscaler, wish = _autoscaler(situation), situation.spec.autoscaling
    if wish is None or autoscaler.active.status != "True":
        return None
    low, high = wish.min_replicas, wish.max_replicas
    return yes(
        reasons.FOLLOWING,
        f"the number of replicas follows the slots in use, between {low} and {high}, currently "
        f"{autoscaler.wanted}{_look(situation)}",
    )


def _autoscaler(situation: Situation) -> Autoscaler:
    return situation.observed.autoscaler or Autoscaler()


def _look(situation: Situation) -> str:
    return f" (kubectl get hpa {autoscaler_name(situation.deployment)} shows the load)"


_CHECKS: tuple[Check, ...] = (
    _no_metrics_api,  # nothing below can work
    _asleep,  # the HorizontalPodAutoscaler pauses
    _cannot_scale,
    _no_metrics,
    _at_maximum,
    _following,
)
