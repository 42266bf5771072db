"""How much memory does a replica need, and how much have its devices?"""

from llmstack.api.engine import Mode, Toggle
from llmstack.api.quantity import parse_bytes
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.engines.llamacpp.gguf.memory import MemoryEstimate, ServerShape, estimate
from llmstack.models.report import FetchResult


def estimated_memory(spec: LLMDeploymentSpec, result: FetchResult) -> MemoryEstimate | None:
    """Estimate the bytes of weights, KV cache and buffers, or None if the header lacks the data.

    Servers that embed or rerank process a whole input at once, so their micro-batch is a context.
    """
    engine = spec.engine
    whole = 0 if engine.mode is Mode.GENERATE else spec.context_length
    shape = ServerShape(
        slots=spec.slots,
        context_length=spec.context_length,
        cache_type_k=engine.kv_cache_type.value,
        cache_type_v=engine.kv_cache_type.value,
        ubatch=max(engine.micro_batch_size, whole),
        flash_attention=engine.flash_attention is not Toggle.OFF,
        mmproj_bytes=sum(file.size_bytes for file in result.files if file.role == "mmproj"),
    )
    return estimate(result.gguf, shape)


def offered_memory(spec: LLMDeploymentSpec) -> int | None:
    """Return the bytes of memory that the devices of one replica have.

    None if the spec does not set it, or keeps layers on the CPU: then the model need not fit.
    """
    accelerator = spec.accelerator
    if accelerator.memory is None or spec.engine.gpu_layers is not None:
        return None
    return parse_bytes(accelerator.memory) * accelerator.count
