"""Autoscaling: does the number of replicas follow the load?"""

from llmstack.api import reasons
from llmstack.api.conditions import Finding
from llmstack.status.checks import count, no
from llmstack.status.situation import Situation


def autoscaling(situation: Situation) -> Finding:
    """False in this version: nothing follows the load yet, and the condition says so."""
    wanted, wish = situation.wanted, situation.spec.autoscaling
    at = "" if wanted is None else f", now {wanted}"
    if wish is None:
        fixed = situation.spec.replicas
        if fixed is not None:
            return no(reasons.FIXED, f"spec.replicas fixes {count(fixed, 'replica')}")
        return no(
            reasons.FIXED,
            f"neither spec.replicas nor spec.autoscaling is given: replicas stay as they are{at}",
        )
    low, high = max(1, wish.min_replicas), wish.max_replicas
    return no(
        reasons.AUTOSCALING_INACTIVE,
        f"this version of the operator does not follow the load: replicas stay between {low} and "
        f"{high}{at}",
    )
