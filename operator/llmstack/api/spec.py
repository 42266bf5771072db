"""What does the user ask for?"""

from typing import ClassVar

from pydantic import Field

from llmstack.api.accelerator import AcceleratorSpec
from llmstack.api.base import NOT_STORED, ApiModel, Rule
from llmstack.api.cache import CacheSpec
from llmstack.api.engine import EngineSpec
from llmstack.api.model import ModelSpec
from llmstack.api.pod import LifecycleSpec, PodSpec
from llmstack.api.scaling import AutoscalingSpec, QueueSpec
from llmstack.api.sharing import CacheSharing


class LLMDeploymentSpec(ApiModel):
    """What does the user ask for?"""

    model: ModelSpec = Field(description="The model and its names.")
    replicas: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description=(
            "Fixed number of replicas; 1 if neither this nor autoscaling is given. `kubectl scale` "
            "sets it. An autoscaler of your own reads it (/scale), so it must be set for that."
        ),
    )
    slots: int = Field(
        default=4, ge=1, le=256, description="Sequences that a replica decodes at once."
    )
    context_length: int = Field(
        default=4096,
        ge=128,
        le=16_777_216,
        description=(
            "Tokens of context per slot, at most what the model was trained with. By default 4096, "
            "or what the model was trained with if that is less."
        ),
        json_schema_extra=NOT_STORED,
    )
    engine: EngineSpec = Field(default=EngineSpec(), description="How llama-server is run.")
    accelerator: AcceleratorSpec = Field(
        default=AcceleratorSpec(), description="The hardware of a replica."
    )
    cache: CacheSpec = Field(default=CacheSpec(), description="Where downloaded models stay.")
    autoscaling: AutoscalingSpec | None = Field(
        default=None, description="Lets the number of replicas follow the slots in use."
    )
    queue: QueueSpec = Field(default=QueueSpec(), description="How requests wait at the gateway.")
    cache_sharing: CacheSharing = Field(
        default=CacheSharing.TENANT,
        description=(
            "Who reuses prompts that a server has cached: Tenant keeps those of each tenant apart, "
            "Deployment shares them, so that tenants can find out what others have sent."
        ),
    )
    lifecycle: LifecycleSpec = Field(
        default=LifecycleSpec(), description="How long a start, a stop and a silence may be."
    )
    pod: PodSpec = Field(default=PodSpec(), description="What else the pods carry.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.replicas) || !has(self.autoscaling)",
            "replicas and autoscaling exclude each other: remove spec.replicas to let the "
            "autoscaler choose, or remove spec.autoscaling",
        ),
        Rule(
            "!has(self.contextLength) || self.slots * self.contextLength <= 2147483647",
            "slots times contextLength is more than llama-server can count: lower one of them",
        ),
        Rule(
            "self.accelerator.vendor != 'cpu' || !has(self.engine.gpuLayers) || "
            "self.engine.gpuLayers == 0",
            "vendor cpu has no accelerator to keep layers on: remove engine.gpuLayers, or set "
            "accelerator.vendor",
        ),
    )

    @property
    def asked_context_length(self) -> int | None:
        """Tokens per slot that the user wrote; None if it is the default, which may be lowered."""
        return self.context_length if "context_length" in self.model_fields_set else None
