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
        "an image is a reference without spaces, for instance registry.example/llama-server:cuda",
        max_length=512,
    ),
]
Argument = Annotated[str, Field(min_length=1, max_length=1024)]
MediaHost = Annotated[
    str,
    worded(
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$",
        "a host is a name in small letters, with a port if its URLs have one: images.example:8080",
        max_length=253,
    ),
]


class Mode(StrEnum):
    """What does the server compute?"""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"


class Toggle(StrEnum):
    """On, off, or as llama.cpp thinks best?

    Not in the words `on` and `off`: unquoted, YAML reads those as booleans.
    """

    AUTO = "auto"
    ON = "enabled"
    OFF = "disabled"


class KvCacheType(StrEnum):
    """How is an element of the KV cache stored?"""

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
    "devices belong in spec.accelerator: set its vendor, count and, for a slice of a device, "
    "resourceName",
)
NO_DEVICES_IN_LIMITS = Rule(
    "self.all(name, !name.matches('/(gpu|gpu[.]shared|mig-.*|i915|xe)$'))",
    NO_DEVICES.message,
)
"""Companions of a device, by which HAMi and others share one, are limits: nvidia.com/gpumem."""
KNOWN = Rule(
    "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || "
    "name.startsWith('hugepages-') || name.contains('/'))",
    "a resource is cpu, memory, ephemeral-storage, hugepages-… or a name with a domain",
)


class ResourcesSpec(ApiModel):
    """Which CPU and memory does the server's container ask for?"""

    requests: dict[QualifiedName, Quantity] = Field(
        default_factory=dict,
        max_length=8,
        json_schema_extra=checked(KNOWN, NO_DEVICES),
        description="Requested amounts by resource name, for instance cpu and memory.",
    )
    limits: dict[QualifiedName, Quantity] = Field(
        default_factory=dict,
        max_length=8,
        json_schema_extra=checked(KNOWN, NO_DEVICES_IN_LIMITS),
        description=(
            "Upper bounds by resource name, also for a share of a device, for instance "
            "nvidia.com/gpumem. Accelerators themselves belong in spec.accelerator."
        ),
    )


class EngineSpec(ApiModel):
    """How is llama-server run?"""

    image: ImageReference | None = Field(
        default=None,
        description="Image of llama-server; by default the operator's image for the vendor.",
    )
    mode: Mode = Field(
        default=Mode.GENERATE,
        description="generate: chat and completion; embed: embeddings; rerank: reranking.",
    )
    extra_args: list[Argument] = Field(
        default_factory=list,
        max_length=64,
        description=(
            "Further llama-server flags, one entry for a flag and one for its value. Flags that "
            "have a field of their own are refused."
        ),
        json_schema_extra=ATOMIC | checked(*extra_args_rules()),
    )
    media_hosts: list[MediaHost] = Field(
        default_factory=list,
        max_length=64,
        description=(
            "Hosts from which a request may make replicas fetch images, sounds and videos, by http "
            "and https URLs; none by default. A redirect of such a host is followed anywhere."
        ),
        json_schema_extra=ATOMIC,
    )
    gpu_layers: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Layers kept on the accelerator; by default all, and none with vendor cpu.",
    )
    flash_attention: Toggle = Field(
        default=Toggle.AUTO, description="Flash attention; auto: where llama.cpp finds it of use."
    )
    kv_cache_type: KvCacheType = Field(
        default=KvCacheType.F16,
        description="Element type of the KV cache, keys and values alike.",
    )
    prompt_cache_memory: Quantity = Field(
        default="1Gi",
        description=(
            "Host memory in which the server keeps prompts it has seen (-cram); counted in the "
            "memory request. 0 turns it off."
        ),
    )
    batch_size: int = Field(
        default=2048, ge=1, le=65_536, description="Tokens of a logical batch (-b)."
    )
    micro_batch_size: int = Field(
        default=512, ge=1, le=65_536, description="Tokens computed at once in prefill (-ub)."
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="CPU threads; by default the CPU request, rounded up, or llama.cpp's choice.",
    )
    resources: ResourcesSpec = Field(
        default=ResourcesSpec(),
        description="CPU and memory of the server's container; memory is estimated if not given.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.flashAttention) || self.flashAttention != 'disabled' || "
            "self.kvCacheType in ['f32', 'f16', 'bf16']",
            "a quantised KV cache needs flash attention: set flashAttention to auto or enabled, "
            "or kvCacheType to f16",
        ),
    )
