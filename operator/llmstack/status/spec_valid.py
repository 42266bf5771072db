"""SpecValid: can what is asked for exist at all?"""

from llmstack.api import reasons
from llmstack.api.conditions import Finding
from llmstack.api.names import full_name
from llmstack.observed import ApplyFailure
from llmstack.status.checks import Check, decide, no, yes
from llmstack.status.situation import Situation

_REFUSALS = frozenset({400, 403, 409, 413, 422})


def spec_valid(situation: Situation) -> Finding:
    """True, unless the operator or the API server refuses the spec."""
    return decide(situation, _CHECKS, yes(reasons.VALID, "the spec can be carried out"))


def is_refusal(failure: ApplyFailure) -> bool:
    """Did the API server refuse what the spec asks for? Then trying again will not help.

    A 403 for the operator's own account is no verdict on the spec, but missing rights.
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
    return no(reasons.REJECTED, f"the API server refuses {words}")


def _name_conflict(situation: Situation) -> Finding | None:
    """Its pods go on, and so do requests by other names: what is asked for can be carried out."""
    conflicts = situation.observed.name_conflicts
    if not conflicts:
        return None
    deployment = situation.deployment
    own = full_name(deployment.namespace, deployment.name)
    words = " and ".join(
        f"the name {name} belongs to {other}" for name, other in sorted(conflicts.items())
    )
    return yes(
        reasons.NAME_CONFLICT,
        f"{words}: the gateway sends requests for it there; clients must send {own} as model",
    )


def _rewritten(situation: Situation) -> Finding | None:
    """What runs is what the cluster made of it, which may be meant: a mirror of the registry."""
    found = situation.observed.rewritten
    if not found:
        return None
    words = "; ".join(f"{item}: {change}" for item, change in found.items())
    return yes(
        reasons.REWRITTEN,
        f"an admission webhook or a policy of the cluster changes {words}: have it spare these "
        "objects, or write in the spec what it makes of them",
    )


_CHECKS: tuple[Check, ...] = (
    _invalid,  # the spec contradicts itself, or names what this installation lacks
    _rejected,  # the cluster's own rules: validation, admission, quota, a name that is taken
    _name_conflict,  # a warning: SpecValid stays True
    _rewritten,  # and so is this one
)
