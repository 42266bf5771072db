"""How is llama-server run?"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmstack.api.base import (
    ATOMIC,
    ApiModel,
    QualifiedName,
    Quantity,
    Rule,
    checked,
    worded,
)
from llmstack.api.extra_args import extra_args_rules

ImageReference = Annotated[
    str,
    worded(
        r"^[A-Za-z0-9][^\s]*$",
        "an image must be a reference without spaces, for example registry.example/"
        "llama-server:cuda",
        max_length=512,
    ),
]
Argument = Annotated[str, Field(min_length=1, max_length=1024)]
MediaHost = Annotated[
    str,
    worded(
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$",
        "a host must be a lowercase host name, with a port if its URLs have one, for example "
        "images.example:8080",
        max_length=253,
    ),
]


class Mode(StrEnum):
    """Tasks that a server can perform."""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"


class Toggle(StrEnum):
    """Values of a setting that llama.cpp can also decide by itself. The values are not `on` and
    `off`, because YAML reads those, unquoted, as booleans.
    """

    AUTO = "auto"
    ON = "enabled"
    OFF = "disabled"


class KvCacheType(StrEnum):
    """Data types of the KV cache."""

    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"
    Q5_1 = "q5_1"
    Q5_0 = "q5_0"
    Q4_1 = "q4_1"
    Q4_0 = "q4_0"


NO_DEVICES = Rule(
    "self.all(name, !name.endsWith('/gpu') && !name.startsWith('nvidia.com/') && "
    "!name.startsWith('amd.com/') && !name.startsWith('gpu.intel.com/'))",
    "request devices in spec.accelerator instead: set vendor and count, and resourceName for a "
    "slice of a device",
)
NO_DEVICES_IN_LIMITS = Rule(
    "self.all(name, !name.matches('/(gpu|gpu[.]shared|mig-.*|i915|xe)$'))",
    NO_DEVICES.message,
)
"""Companions of a device, by which HAMi and others share one, are limits: nvidia.com/gpumem."""
KNOWN = Rule(
    "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || "
    "name.startsWith('hugepages-') || name.contains('/'))",
    "a resource must be cpu, memory, ephemeral-storage, hugepages-… or a name with a domain",
)


class ResourcesSpec(ApiModel):
    """Resource requests and limits of the llama-server container."""

    requests: dict[QualifiedName, Quantity] = Field(
        default_factory=dict,
        max_length=8,
        json_schema_extra=checked(KNOWN, NO_DEVICES),
        description="Resource requests of the container, for example cpu and memory.",
    )
    limits: dict[QualifiedName, Quantity] = Field(
        default_factory=dict,
        max_length=8,
        json_schema_extra=checked(KNOWN, NO_DEVICES_IN_LIMITS),
        description=(
            "Resource limits of the container, including shares of a device such as "
            "nvidia.com/gpumem. Request whole accelerators in spec.accelerator."
        ),
    )


class EngineSpec(ApiModel):
    """Image, flags and resources of llama-server."""

    image: ImageReference | None = Field(
        default=None,
        description=(
            "Image of llama-server. Defaults to the image configured in the operator for the "
            "accelerator vendor."
        ),
    )
    mode: Mode = Field(
        default=Mode.GENERATE,
        description=(
            "Task of the server: generate for chat and text completions, embed for embeddings, "
            "rerank for reranking."
        ),
    )
    extra_args: list[Argument] = Field(
        default_factory=list,
        max_length=64,
        description=(
            "Additional llama-server flags. A flag and its value are separate entries. Flags that "
            "the operator sets, or that have a field in this spec, are rejected."
        ),
        json_schema_extra=ATOMIC | checked(*extra_args_rules()),
    )
    media_hosts: list[MediaHost] = Field(
        default_factory=list,
        max_length=64,
        description=(
            "Hosts from which replicas may download the images, audio and videos that a request "
            "references by http or https URL. If empty, such URLs are rejected. Replicas follow "
            "redirects from these hosts to any host, so list only hosts you trust."
        ),
        json_schema_extra=ATOMIC,
    )
    gpu_layers: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description=(
            "Number of model layers offloaded to the accelerator. Defaults to all layers, or to "
            "none for vendor cpu."
        ),
    )
    flash_attention: Toggle = Field(
        default=Toggle.AUTO,
        description="Whether to use flash attention. auto lets llama.cpp decide.",
    )
    kv_cache_type: KvCacheType = Field(
        default=KvCacheType.F16,
        description="Data type of the KV cache, for both keys and values.",
    )
    prompt_cache_memory: Quantity = Field(
        default="1Gi",
        description=(
            "Host memory for the server's prompt cache (llama-server flag -cram). It is added to "
            "the memory request. 0 disables the cache."
        ),
    )
    batch_size: int = Field(
        default=2048,
        ge=1,
        le=65_536,
        description="Logical batch size, in tokens (llama-server flag -b).",
    )
    micro_batch_size: int = Field(
        default=512,
        ge=1,
        le=65_536,
        description="Physical batch size for prefill, in tokens (llama-server flag -ub).",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description=(
            "Number of CPU threads. Defaults to the CPU request, rounded up, or to llama.cpp's "
            "default if there is no CPU request."
        ),
    )
    resources: ResourcesSpec = Field(
        default=ResourcesSpec(),
        description=(
            "Resource requests and limits of the llama-server container. If no memory request is "
            "set, the operator estimates one from the model."
        ),
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.flashAttention) || self.flashAttention != 'disabled' || "
            "self.kvCacheType in ['f32', 'f16', 'bf16']",
            "a quantized KV cache requires flash attention: set flashAttention to auto or enabled, "
            "or set kvCacheType to f16",
        ),
    )
