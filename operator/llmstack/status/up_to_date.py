"""UpToDate: does every replica run the newest spec, and does one answer?

The condition to wait for after an edit. Progressing is True on the way, too, and Ready while
replicas of the spec before answer; a further replica that the load asks for changes nothing here.
"""

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, Finding
from llmstack.status.checks import no, unknown, yes
from llmstack.status.progressing import progressing
from llmstack.status.situation import Situation
from llmstack.status.spec_valid import spec_valid


def up_to_date(situation: Situation) -> Finding:
    """True once the newest spec is what answers, or what the next request will wake."""
    found = progressing(situation)
    if situation.workload is None:
        return unknown(found.reason, found.message)
    if situation.held is None and spec_valid(situation).status is ConditionStatus.TRUE:
        if situation.asleep and situation.recorded and not situation.workload.replicas:
            return yes(found.reason, found.message)
        if _runs(situation):
            return yes(reasons.AVAILABLE, "all replicas run the newest spec")
    reason = reasons.ROLLING_OUT if found.reason == reasons.AVAILABLE else found.reason
    return no(reason, found.message)


def _runs(situation: Situation) -> bool:
    workload = situation.workload
    assert workload is not None, "there are replicas"
    seen = workload.observed_generation >= workload.generation
    same = workload.updated == workload.replicas
    return situation.recorded and seen and same and situation.available > 0
