"""How does a deployment stand?"""

from datetime import UTC, datetime

from llmstack.api import reasons
from llmstack.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    LLMDeploymentStatus,
)
from llmstack.api.names import claim_of
from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import selector_text
from llmstack.observed import Observed
from llmstack.status.autoscaling import autoscaling
from llmstack.status.model import download, model_status
from llmstack.status.model_ready import model_ready
from llmstack.status.progressing import progressing
from llmstack.status.ready import ready
from llmstack.status.scheduled import scheduled
from llmstack.status.situation import Situation
from llmstack.status.spec_valid import spec_valid
from llmstack.status.up_to_date import up_to_date

_JUDGES = {
    ConditionType.SPEC_VALID: spec_valid,
    ConditionType.MODEL_READY: model_ready,
    ConditionType.SCHEDULED: scheduled,
    ConditionType.PROGRESSING: progressing,
    ConditionType.UP_TO_DATE: up_to_date,
    ConditionType.AUTOSCALING: autoscaling,
    ConditionType.READY: ready,
}

_MESSAGE_LIMIT = 2048


def compute(deployment: LLMDeployment, observed: Observed, now: float) -> LLMDeploymentStatus:
    """The whole status, all seven conditions, at `now` (seconds since the epoch).

    Messages change as often as their inputs do. The one input that moves all the time is
    `Pod.fetch_log`: whoever fills the snapshot reads it at most every 10 s.
    """
    situation = Situation(deployment, observed)
    workload = observed.workload
    answering = situation.ready_replicas
    return LLMDeploymentStatus(
        observed_generation=deployment.generation,
        replicas=workload.replicas if workload else 0,
        ready_replicas=answering,
        replica_summary=f"{answering}/{workload.wanted if workload else 0}",
        slots=situation.slots,
        url=situation.url,
        names=[name for name in claim_of(deployment).names if name not in observed.name_conflicts],
        selector=selector_text(deployment),
        model=model_status(situation),
        download=download(situation),
        conditions=[
            _condition(kind, judge(situation), situation.previous(kind), deployment.generation, now)
            for kind, judge in _JUDGES.items()
        ],
    )


def compute_unreadable(
    last: LLMDeploymentStatus, generation: int, message: str, now: float
) -> LLMDeploymentStatus:
    """The status of a resource whose spec cannot be read at all: everything else stays as it was.

    What it made before still runs, and is neither changed nor deleted.
    """
    known = {condition.type: condition for condition in last.conditions}
    invalid = Finding(ConditionStatus.FALSE, reasons.INVALID_SPEC, message)
    nothing = Finding(ConditionStatus.UNKNOWN, reasons.PENDING, "the spec cannot be parsed")
    findings = {ConditionType.SPEC_VALID: invalid, ConditionType.READY: invalid}
    return last.model_copy(
        update={
            "observed_generation": generation,
            "conditions": [
                known[kind]
                if kind in known and kind not in findings
                else _condition(kind, findings.get(kind, nothing), known.get(kind), generation, now)
                for kind in ConditionType
            ],
        }
    )


def _condition(
    kind: ConditionType, finding: Finding, last: Condition | None, generation: int, now: float
) -> Condition:
    """The finding with its time: that of the last change of status, not of reason or message."""
    kept = last is not None and last.status == finding.status
    return Condition(
        type=kind.value,
        status=finding.status,
        reason=finding.reason,
        message=_shortened(finding.message),
        last_transition_time=last.last_transition_time if kept and last else _timestamp(now),
        observed_generation=generation,
    )


def _shortened(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 1] + "…"


def _timestamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
