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
    """Types of the conditions in the status."""

    SPEC_VALID = "SpecValid"
    MODEL_READY = "ModelReady"
    SCHEDULED = "Scheduled"
    PROGRESSING = "Progressing"
    UP_TO_DATE = "UpToDate"
    AUTOSCALING = "Autoscaling"
    READY = "Ready"


class ConditionStatus(StrEnum):
    """Status values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Finding:
    """A condition before it has a transition time: what one pass found."""

    status: ConditionStatus
    reason: str
    message: str


class Condition(ApiModel):
    """One answer about the deployment."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Type of the condition, for example Ready or ModelReady."
    )
    status: ConditionStatus = Field(description="Status of the condition.")
    reason: Annotated[str, Field(max_length=1024)] = Field(
        description="Machine-readable reason for the status, in CamelCase."
    )
    message: Annotated[str, Field(max_length=32768)] = Field(
        description="Human-readable explanation of the status and how to fix it."
    )
    last_transition_time: Annotated[
        str, Field(max_length=64, json_schema_extra={"format": "date-time"})
    ] = Field(description="Time at which the status last changed.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that the condition is based on."
    )


class ModelStatus(ApiModel):
    """Facts about the model, read from its files."""

    name: Annotated[str, Field(max_length=512)] = Field(description="Short name of the model.")
    sha256: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="SHA-256 of the file named by spec.model.source."
    )
    revision: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="Commit that the hub resolved the revision to."
    )
    size_bytes: int | None = Field(default=None, ge=0, description="Size of all files, in bytes.")
    architecture: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="Model architecture, from the GGUF header."
    )
    parameters: int | None = Field(default=None, ge=0, description="Number of parameters.")
    context_length: int | None = Field(
        default=None, ge=0, description="Context length that the model was trained with, in tokens."
    )
    quantization: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Quantization of the weights, for example Q4_K_M."
    )
    memory_bytes: int | None = Field(
        default=None,
        ge=0,
        description="Estimated memory of one replica, in bytes: weights, KV cache and buffers.",
    )


class LLMDeploymentStatus(ApiModel):
    """Observed state of an LLMDeployment."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that the status is based on."
    )
    replicas: int = Field(default=0, ge=0, description="Number of replicas that exist.")
    ready_replicas: int = Field(
        default=0, ge=0, description="Number of replicas that are ready to serve requests."
    )
    replica_summary: Annotated[str, Field(max_length=32)] = Field(
        default="0/0", description="Ready and desired replicas, as shown by kubectl get."
    )
    slots: int = Field(default=0, ge=0, description="Total slots of all ready replicas.")
    url: Annotated[str, Field(max_length=512)] | None = Field(
        default=None,
        description=(
            "Base URL for OpenAI clients inside the cluster. Set only if a gateway is installed."
        ),
    )
    names: list[Annotated[str, Field(max_length=320)]] = Field(
        default_factory=list,
        max_length=18,
        description=(
            "Values of `model` in a request that the gateway routes to this deployment. If several "
            "deployments claim the same name, only one of them lists it."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    selector: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="Label selector of the pods, for the scale subresource."
    )
    model: ModelStatus | None = Field(
        default=None, description="Facts about the model, read from its files."
    )
    download: Annotated[str, Field(max_length=8)] | None = Field(
        default=None,
        description="Download progress of the model, as a percentage. Unset after the download.",
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Conditions of the deployment. Ready summarizes the others.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )


def to_json(status: LLMDeploymentStatus) -> dict[str, Any]:
    """Return the status as JSON for the API server. Unknown fields are left out."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
