"""SpecValid: can what is asked for exist at all?"""

from llmstack.api import reasons
from llmstack.api.conditions import Finding
from llmstack.api.names import full_name
from llmstack.observed import ApplyFailure
from llmstack.status.checks import Check, decide, no, once, yes
from llmstack.status.situation import Situation

_REFUSALS = frozenset({400, 403, 409, 413, 422})


@once
def spec_valid(situation: Situation) -> Finding:
    """True, unless the operator or the API server refuses the spec."""
    return decide(situation, _CHECKS, yes(reasons.VALID, "the spec is valid"))


def is_refusal(failure: ApplyFailure) -> bool:
    """Return True if the API server rejected what the spec asks for, so that a retry cannot help.

    A 403 for the operator's own account means missing rights, not an invalid spec.
    """
    lacks_rights = failure.status == 403 and " cannot " in failure.message
    return failure.status in _REFUSALS and not lacks_rights


def _invalid(situation: Situation) -> Finding | None:
    message = situation.observed.invalid
    return no(reasons.INVALID_SPEC, message) if message else None


def _rejected(situation: Situation) -> Finding | None:
    refused = [failure for failure in situation.observed.failures if is_refusal(failure)]
    if not refused:
        return None
    words = "; ".join(f"{item.kind} {item.name}: {item.message}" for item in refused)
    return no(reasons.REJECTED, f"the API server rejected {words}")


def _name_conflict(situation: Situation) -> Finding | None:
    """A warning: the pods run, and requests by other names work."""
    conflicts = situation.observed.name_conflicts
    if not conflicts:
        return None
    deployment = situation.deployment
    own = full_name(deployment.namespace, deployment.name)
    words = " and ".join(
        f"the name {name} is already used by {other}" for name, other in sorted(conflicts.items())
    )
    return yes(
        reasons.NAME_CONFLICT,
        f"{words} and the gateway routes its requests there: use {own} as model to reach this "
        "deployment",
    )


def _rewritten(situation: Situation) -> Finding | None:
    """What runs is what the cluster made of it, which may be meant: a mirror of the registry."""
    found = situation.observed.rewritten
    if not found:
        return None
    words = "; ".join(f"{item}: {change}" for item, change in found.items())
    return yes(
        reasons.REWRITTEN,
        f"an admission webhook or policy of the cluster modifies {words}: exclude these objects "
        "from it, or set the same value in the spec",
    )


_CHECKS: tuple[Check, ...] = (
    _invalid,  # the spec contradicts itself, or names what this installation lacks
    _rejected,  # the cluster's own rules: validation, admission, quota, a name that is taken
    _name_conflict,  # a warning: SpecValid stays True
    _rewritten,  # and so is this one
)
