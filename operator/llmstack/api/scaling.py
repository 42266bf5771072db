"""How many replicas follow the load, and how do requests wait?"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import ATOMIC, ApiModel, Rule


class PolicyType(StrEnum):
    """Units of a scaling step."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies applies: the largest step, the smallest, or none."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(ApiModel):
    """Maximum size of a scaling step within a period."""

    type: PolicyType = Field(
        description="Unit of value: Pods for replicas, Percent for a share of the replicas."
    )
    value: int = Field(
        ge=1, le=100_000, description="Maximum change within periodSeconds, in the unit of type."
    )
    period_seconds: int = Field(
        ge=1, le=1800, description="Length of the period that the policy applies to, in seconds."
    )


Policies = Annotated[
    tuple[ScalingPolicy, ...], Field(min_length=1, max_length=10, json_schema_extra=ATOMIC)
]


class ScalingRules(ApiModel):
    """Rate of scaling in one direction."""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description=(
            "Seconds of past recommendations to consider; the most conservative one is used. "
            "Defaults to 0 for scaling up and 300 for scaling down."
        ),
    )
    select_policy: SelectPolicy | None = Field(
        default=None,
        description=(
            "Which policy applies if there are several: the one that allows the largest change "
            "(Max, the default) or the smallest (Min). Disabled turns off scaling in this "
            "direction."
        ),
    )
    policies: Policies | None = Field(
        default=None,
        description=(
            "Limits on the rate of scaling. By default, scaling up to maxReplicas is immediate, "
            "and scaling down removes at most one replica per minute."
        ),
    )


class ScalingBehavior(ApiModel):
    """Rates of scaling up and down, as in a HorizontalPodAutoscaler."""

    scale_up: ScalingRules | None = Field(default=None, description="Rules for scaling up.")
    scale_down: ScalingRules | None = Field(default=None, description="Rules for scaling down.")


class AutoscalingSpec(ApiModel):
    """Bounds and target of autoscaling by slots in use."""

    min_replicas: int = Field(
        default=1,
        ge=0,
        le=1000,
        description="Minimum number of replicas. 0 allows scaling to zero while idle.",
    )
    max_replicas: int = Field(ge=1, le=1000, description="Maximum number of replicas.")
    target_slot_utilization: int = Field(
        default=80,
        ge=1,
        le=100,
        description=(
            "Target percentage of slots in use. Above it, replicas are added; below it, they are "
            "removed."
        ),
    )
    scale_to_zero_after_seconds: int = Field(
        default=900,
        ge=10,
        le=604_800,
        description=(
            "Seconds without a request before the last replica is removed. Only used if "
            "minReplicas is 0."
        ),
    )
    behavior: ScalingBehavior | None = Field(
        default=None,
        description=(
            "Scaling rates, as in a HorizontalPodAutoscaler. By default, scaling up is immediate "
            "and scaling down is gradual."
        ),
    )

    @property
    def fewest_awake(self) -> int:
        """Fewest replicas while it does not sleep: what a HorizontalPodAutoscaler may ask for."""
        return max(1, self.min_replicas)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas must not be greater than maxReplicas: lower minReplicas or raise "
            "maxReplicas",
        ),
    )


class QueueSpec(ApiModel):
    """Limits for requests that wait at the gateway."""

    max_requests: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description=(
            "Maximum number of waiting requests. Further requests are rejected with status 429."
        ),
    )
    timeout_seconds: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Maximum seconds that a request waits for a free slot.",
    )
    cold_start_timeout_seconds: int = Field(
        default=600,
        ge=1,
        le=86_400,
        description="Maximum seconds that a request waits for the first replica to start.",
    )
    reserve: bool = Field(
        default=False,
        description=(
            "Whether to reserve one slot for each tenant that was active in the last 300 seconds. "
            "A tenant can then use all slots except those reserved for others, and always at least "
            "one. If false, no slot is kept idle: a free slot goes to the waiting tenant that uses "
            "the fewest."
        ),
    )
