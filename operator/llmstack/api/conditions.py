"""What does the status say, and in which shape?

Conditions follow the Kubernetes API conventions: all seven are present from the first pass on,
`lastTransitionTime` moves only with `status`, and `Ready` sums up the others.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from llmstack.api.base import ApiModel


class ConditionType(StrEnum):
    """Which question does a condition answer?"""

    SPEC_VALID = "SpecValid"
    MODEL_READY = "ModelReady"
    SCHEDULED = "Scheduled"
    PROGRESSING = "Progressing"
    UP_TO_DATE = "UpToDate"
    AUTOSCALING = "Autoscaling"
    READY = "Ready"


class ConditionStatus(StrEnum):
    """Yes, no, or not known?"""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Finding:
    """What did one look at the cluster find? A condition before it has a time."""

    status: ConditionStatus
    reason: str
    message: str


class Condition(ApiModel):
    """One answer about the deployment."""

    type: Annotated[str, Field(max_length=316)] = Field(description="The question.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: Annotated[str, Field(max_length=1024)] = Field(description="Why, in one word.")
    message: Annotated[str, Field(max_length=32768)] = Field(description="Why, and what to do.")
    last_transition_time: Annotated[
        str, Field(max_length=64, json_schema_extra={"format": "date-time"})
    ] = Field(description="When status last changed.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that this answer is about."
    )


class ModelStatus(ApiModel):
    """What is known of the model?"""

    name: Annotated[str, Field(max_length=512)] = Field(description="Short name of the model.")
    sha256: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="SHA-256 of the file named by spec.model.source."
    )
    revision: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="Commit that the hub resolved the revision to."
    )
    size_bytes: int | None = Field(default=None, ge=0, description="Size of all files, in bytes.")
    architecture: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="Architecture named in the GGUF header."
    )
    parameters: int | None = Field(default=None, ge=0, description="Number of weights.")
    context_length: int | None = Field(
        default=None, ge=0, description="Tokens of context that the model was trained with."
    )
    quantization: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="How the weights are stored."
    )
    memory_bytes: int | None = Field(
        default=None, ge=0, description="Estimated memory of a replica: weights, KV cache, buffers."
    )


class LLMDeploymentStatus(ApiModel):
    """How does the deployment stand?"""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that this status is about."
    )
    replicas: int = Field(default=0, ge=0, description="Replicas that exist.")
    ready_replicas: int = Field(default=0, ge=0, description="Replicas that answer.")
    replica_summary: Annotated[str, Field(max_length=32)] = Field(
        default="0/0", description="Ready and desired replicas, for people."
    )
    slots: int = Field(default=0, ge=0, description="Slots of all ready replicas.")
    url: Annotated[str, Field(max_length=512)] | None = Field(
        default=None,
        description="Base URL for OpenAI clients in the cluster; set once there is a gateway.",
    )
    names: list[Annotated[str, Field(max_length=320)]] = Field(
        default_factory=list,
        max_length=18,
        description=(
            "Names by which the gateway takes this deployment as `model`. A name that several "
            "claim belongs to one of them."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    selector: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="Label selector of the pods, for the scale subresource."
    )
    model: ModelStatus | None = Field(default=None, description="What is known of the model.")
    download: Annotated[str, Field(max_length=8)] | None = Field(
        default=None,
        description="How much of the model is there, for people; while it is downloaded.",
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Answers about the deployment; Ready sums up.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )


def to_json(status: LLMDeploymentStatus) -> dict[str, Any]:
    """Which JSON is applied as the status? Unknown fields are left out."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
