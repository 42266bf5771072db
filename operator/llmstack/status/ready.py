"""Ready: are requests answered, and if not, why?

It sums up the other conditions and repeats the one that decides, but for what the gateway alone
knows: whether it reaches the replicas. Replicas that answer count more
than a spec that cannot be carried out, an update that fails or waits, or a further replica that
cannot start: then Ready stays True, with the reason of Progressing, which says what it is.
"""

from typing import Final

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, Finding
from llmstack.status.checks import Check, count, decide, no, yes
from llmstack.status.progressing import progressing, wedged
from llmstack.status.scheduled import scheduled
from llmstack.status.situation import Situation
from llmstack.status.spec_valid import spec_valid

_UNCACHED: Final = (
    "prompt caching is disabled because the llama-server image cannot separate the caches of "
    "tenants: use the image of this release, or set spec.cacheSharing to Deployment"
)


def ready(situation: Situation) -> Finding:
    """True when a replica answers, or when none is needed."""
    return decide(situation, _CHECKS, no(reasons.PENDING, "no replica is ready yet"))


def _spec_invalid(situation: Situation) -> Finding | None:
    """Nothing answers, and what is asked for does not exist and never will."""
    finding = spec_valid(situation)
    return finding if finding.status is ConditionStatus.FALSE else None


def _warned(situation: Situation) -> Finding | None:
    placed = scheduled(situation)
    if not situation.available or placed.reason != reasons.ACCELERATOR_UNUSED:
        return None
    return yes(placed.reason, placed.message)


def _wedged(situation: Situation) -> Finding | None:
    """A warning while another replica answers; where none does, Progressing says why."""
    return wedged(situation) if situation.available else None


def _unreachable(situation: Situation) -> Finding | None:
    """False where no replica can be reached: clients come through the gateway alone."""
    cut = situation.unreachable
    if not cut or not situation.available:
        return None
    names, whys = ", ".join(sorted(cut)), "; ".join(sorted(set(cut.values())))
    said = f"the gateway cannot connect to {names}, which the kubelet reports as ready: {whys}"
    if not situation.reached:
        return no(reasons.REPLICA_UNREACHABLE, said)
    return yes(reasons.REPLICA_UNREACHABLE, f"{_answering(situation)}; {said}")


def _stuck(situation: Situation) -> Finding | None:
    """A warning: what is asked for does not come, but there is something that answers."""
    found = progressing(situation)
    if not situation.available or found.status is not ConditionStatus.FALSE:
        return None
    return yes(found.reason, f"{_answering(situation)}; {_what(situation)}: {found.message}")


def _what(situation: Situation) -> str:
    if situation.behind:
        return "all run the previous spec, because the rollout of the newest is stuck"
    if spec_valid(situation).status is ConditionStatus.FALSE:
        return "part of the spec could not be applied"
    return "another replica cannot start"


def _behind(situation: Situation) -> Finding | None:
    """What answers is of the spec before, and the newest is on its way."""
    if not situation.behind:
        return None
    found = progressing(situation)
    said = f"{_answering(situation)}, running the previous spec; {found.message}"
    return yes(reasons.ROLLING_OUT, said)


def _answers(situation: Situation) -> Finding | None:
    if not situation.available:
        return None
    return yes(reasons.READY, _answering(situation))


def _answering(situation: Situation) -> str:
    of = f"{situation.available} of {count(situation.wanted or 0, 'replica')}"
    said = f"{of} ready, with {count(situation.slots, 'slot')}"
    return f"{said}; {_UNCACHED}" if situation.uncached else said


def _asleep(situation: Situation) -> Finding | None:
    if not situation.asleep:
        return None
    if situation.may_sleep:
        return yes(
            reasons.SCALED_TO_ZERO, "idle and scaled to zero; the next request starts a replica"
        )
    return yes(reasons.STOPPED, "spec.replicas is 0")


def _not_yet(situation: Situation) -> Finding | None:
    """Progressing knows why, be it stuck or on its way; but what was before may come back."""
    reason = progressing(situation)
    if situation.older and reason.status is ConditionStatus.FALSE:
        return no(
            reasons.LOADING,
            f"{count(len(situation.older), 'replica')} with the previous spec restarting; the "
            f"rollout of the newest spec is stuck: {reason.message}",
        )
    if reason.reason in (reasons.PENDING, reasons.AVAILABLE):
        return None
    return no(reason.reason, reason.message)


_CHECKS: tuple[Check, ...] = (
    _unreachable,
    _wedged,
    _stuck,
    _behind,
    _warned,
    _answers,
    _spec_invalid,
    _asleep,
    _not_yet,
)
