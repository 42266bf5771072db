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
    """Desired state of an LLMDeployment."""

    model: ModelSpec = Field(description="Model to serve.")
    replicas: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description=(
            "Fixed number of replicas. Defaults to 1 unless autoscaling is set, which excludes "
            "this field. `kubectl scale` sets it. Set it if an autoscaler of your own reads the "
            "scale subresource."
        ),
    )
    slots: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Number of requests that each replica processes in parallel.",
    )
    context_length: int = Field(
        default=4096,
        ge=128,
        le=16_777_216,
        description=(
            "Context length of each slot, in tokens, for prompt and completion together. It must "
            "not exceed the context length that the model was trained with. Defaults to 4096, or "
            "to the trained length if that is smaller."
        ),
        json_schema_extra=NOT_STORED,
    )
    engine: EngineSpec = Field(
        default=EngineSpec(), description="Image, flags and resources of llama-server."
    )
    accelerator: AcceleratorSpec = Field(
        default=AcceleratorSpec(), description="Accelerators and nodes that the replicas run on."
    )
    cache: CacheSpec = Field(default=CacheSpec(), description="Storage for downloaded model files.")
    autoscaling: AutoscalingSpec | None = Field(
        default=None, description="Scales the number of replicas with the slots in use."
    )
    queue: QueueSpec = Field(
        default=QueueSpec(), description="Limits for requests that wait at the gateway."
    )
    cache_sharing: CacheSharing = Field(
        default=CacheSharing.TENANT,
        description=(
            "Scope of cached prompts. Tenant: each tenant reuses only its own. Deployment: all "
            "tenants share them, which is faster but lets a tenant find out, from response times, "
            "what others have sent."
        ),
    )
    lifecycle: LifecycleSpec = Field(
        default=LifecycleSpec(),
        description="Timeouts for startup, shutdown and hang detection.",
    )
    pod: PodSpec = Field(
        default=PodSpec(), description="Additional settings of the pods, such as labels and env."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.replicas) || !has(self.autoscaling)",
            "replicas and autoscaling are mutually exclusive: remove spec.replicas to autoscale, "
            "or remove spec.autoscaling",
        ),
        Rule(
            "!has(self.contextLength) || self.slots * self.contextLength <= 2147483647",
            "slots times contextLength exceeds 2147483647, the maximum of llama-server: lower one "
            "of them",
        ),
        Rule(
            "self.accelerator.vendor != 'cpu' || !has(self.engine.gpuLayers) || "
            "self.engine.gpuLayers == 0",
            "vendor cpu has no accelerator to offload layers to: remove engine.gpuLayers, or set "
            "accelerator.vendor",
        ),
    )

    @property
    def asked_context_length(self) -> int | None:
        """Tokens per slot that the user wrote; None if it is the default, which may be lowered."""
        return self.context_length if "context_length" in self.model_fields_set else None
