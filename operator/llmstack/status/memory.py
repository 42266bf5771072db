"""How much memory does a replica need, and how much have its devices?"""

from llmstack.api.quantity import parse_bytes
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.models.report import FetchResult


def estimated_memory(spec: LLMDeploymentSpec, result: FetchResult) -> int | None:
    """How many bytes do weights, KV cache and buffers take? None if the header does not say."""
    return None


def offered_memory(spec: LLMDeploymentSpec) -> int | None:
    """How many bytes do the devices of one replica have? None if the user did not say."""
    memory = spec.accelerator.memory
    return None if memory is None else parse_bytes(memory) * spec.accelerator.count
