"""What the operator asks of llama-server (interface.Server)."""

from llmstack.engines.llamacpp.owned_flags import refusal
from llmstack.engines.llamacpp.paths import HEALTH_PATH
from llmstack.engines.llamacpp.server_arguments import arguments, slots_in
from llmstack.engines.llamacpp.server_log import deciding_line as explain_exit
from llmstack.engines.llamacpp.server_log import fallback_line as explain_fallback
from llmstack.engines.llamacpp.server_log import is_out_of_memory

__all__ = [
    "DRAIN_HELPER",
    "HEALTH_PATH",
    "LIVENESS_HELPER",
    "PORT",
    "VERSION_ARGUMENTS",
    "arguments",
    "explain_exit",
    "explain_fallback",
    "helper_environment",
    "is_out_of_memory",
    "refusal",
    "slots_in",
]

PORT = 8080
VERSION_ARGUMENTS: tuple[str, ...] = ("--version",)
LIVENESS_HELPER = "llmstack-liveness"
DRAIN_HELPER = "llmstack-drain"


def helper_environment(key_file: str, wedge_seconds: int) -> dict[str, str]:
    """What images/llama-server/llmstack-* read."""
    return {"LLAMA_API_KEY_FILE": key_file, "WEDGE_SECONDS": str(wedge_seconds)}
