"""How many replicas follow the load, and how do requests wait?"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import ATOMIC, ApiModel, Rule


class PolicyType(StrEnum):
    """In what is a step counted?"""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies counts: the widest, the narrowest, or no step at all?"""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(ApiModel):
    """How large may a step be?"""

    type: PolicyType = Field(description="Pods: value is a number of replicas. Percent: of them.")
    value: int = Field(ge=1, le=100_000, description="Largest change within the period.")
    period_seconds: int = Field(ge=1, le=1800, description="The period, in seconds.")


Policies = Annotated[
    tuple[ScalingPolicy, ...], Field(min_length=1, max_length=10, json_schema_extra=ATOMIC)
]


class ScalingRules(ApiModel):
    """How fast may the number of replicas change in one direction?"""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description=(
            "For so many seconds the most cautious wish counts; by default 0 upwards and 300 "
            "downwards."
        ),
    )
    select_policy: SelectPolicy | None = Field(
        default=None,
        description="Which policy counts; Max by default. Disabled: no change in this direction.",
    )
    policies: Policies | None = Field(
        default=None,
        description=(
            "By default up to maxReplicas at once upwards, and one replica a minute downwards."
        ),
    )


class ScalingBehavior(ApiModel):
    """How fast do replicas come and go? In the shape of a HorizontalPodAutoscaler."""

    scale_up: ScalingRules | None = Field(default=None, description="On the way up.")
    scale_down: ScalingRules | None = Field(default=None, description="On the way down.")


class AutoscalingSpec(ApiModel):
    """Between which bounds do replicas follow the slots in use?"""

    min_replicas: int = Field(
        default=1, ge=0, le=1000, description="Fewest replicas; 0 lets the deployment sleep."
    )
    max_replicas: int = Field(ge=1, le=1000, description="Most replicas.")
    target_slot_utilization: int = Field(
        default=80, ge=1, le=100, description="Percentage of slots in use to aim for."
    )
    scale_to_zero_after_seconds: int = Field(
        default=900,
        ge=10,
        le=604_800,
        description="With minReplicas 0: seconds without a request before the last replica goes.",
    )
    behavior: ScalingBehavior | None = Field(
        default=None, description="How fast replicas come and go; by default up at once, down slow."
    )

    @property
    def fewest_awake(self) -> int:
        """Fewest replicas while it does not sleep: what a HorizontalPodAutoscaler may ask for."""
        return max(1, self.min_replicas)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas",
        ),
    )


class QueueSpec(ApiModel):
    """How many requests wait at the gateway, and how long?"""

    max_requests: int = Field(
        default=100, ge=0, le=100_000, description="Requests that may wait; further ones get 429."
    )
    timeout_seconds: int = Field(
        default=60, ge=1, le=86_400, description="Longest wait for a free slot, in seconds."
    )
    cold_start_timeout_seconds: int = Field(
        default=600, ge=1, le=86_400, description="Longest wait for a first replica, in seconds."
    )
    reserve: bool = Field(
        default=False,
        description=(
            "Keep a slot for each tenant that was active in the last 300 seconds: one tenant holds "
            "at most the slots of all replicas less one for each other active tenant, and at least "
            "one. Off: a free slot goes to the tenant that holds the fewest; none is kept idle."
        ),
    )
