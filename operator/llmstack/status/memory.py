"""How much memory does a replica need, and how much have its devices?"""

from llmstack.api.engine import Mode
from llmstack.api.quantity import parse_bytes
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.models.memory import Load, estimate_memory
from llmstack.models.report import FetchResult


def estimated_memory(spec: LLMDeploymentSpec, result: FetchResult) -> int | None:
    """How many bytes do weights, KV cache and buffers take? None if the header does not say.

    Servers that embed or rerank compute a whole input at once, so their micro-batch is a context.
    """
    whole = spec.engine.mode is not Mode.GENERATE
    load = Load(
        slots=spec.slots,
        context_length=spec.context_length,
        kv_cache_type=spec.engine.kv_cache_type.value,
        micro_batch_size=max(spec.engine.micro_batch_size, spec.context_length if whole else 0),
    )
    size = sum(file.size_bytes for file in result.files)
    return estimate_memory(result.gguf, size, load)


def offered_memory(spec: LLMDeploymentSpec) -> int | None:
    """How many bytes do the devices of one replica have?

    None if the user did not say, or keeps some layers on the CPU: then the model need not fit.
    """
    accelerator = spec.accelerator
    if accelerator.memory is None or spec.engine.gpu_layers is not None:
        return None
    return parse_bytes(accelerator.memory) * accelerator.count
