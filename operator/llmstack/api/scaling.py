"""How many replicas follow the load, and how do requests wait?"""

from typing import ClassVar

from pydantic import Field

from llmstack.api.base import ApiModel, Rule


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
