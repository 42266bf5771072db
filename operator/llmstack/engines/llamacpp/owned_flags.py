"""Which flags of llama-server may a user not pass in `spec.engine.extraArgs`, and what instead?

A flag is owned when the operator passes it itself or relies on its default: a second value would
win silently (llama-server takes the last one) and contradict the spec, the status or the gateway.
Pure data: the CRD's rules and `server_arguments` read it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class OwnedFlag:
    """One setting in every spelling that llama-server knows, and what a user writes instead."""

    spellings: tuple[str, ...]
    instead: str


_GATEWAY: Final = "remove it: the operator sets it, and the gateway and the probes rely on it"
_KEY: Final = "remove it: the operator creates a key for each server; clients use gateway keys"
_TLS: Final = "remove it: the gateway terminates TLS"
_SOURCE: Final = "use spec.model.source"
_NO_TOOLS: Final = "remove it: model servers must not run programs or call other hosts"

OWNED: Final = (
    OwnedFlag(("-m", "--model"), _SOURCE),
    OwnedFlag(("-mu", "--model-url"), _SOURCE),
    OwnedFlag(("-hf", "-hfr", "--hf-repo", "-hff", "--hf-file"), _SOURCE),
    OwnedFlag(("-hft", "--hf-token"), "use spec.model.secretRef"),
    OwnedFlag(
        ("--models-dir", "--models-preset", "--models-max"),
        "create one LLMDeployment per model",
    ),
    OwnedFlag(
        ("--models-autoload", "--no-models-autoload"),
        "create one LLMDeployment per model",
    ),
    OwnedFlag(("-mm", "--mmproj", "-mmu", "--mmproj-url"), "use spec.model.mmproj"),
    OwnedFlag(("--mmproj-auto", "--no-mmproj", "--no-mmproj-auto"), "use spec.model.mmproj"),
    OwnedFlag(("-a", "--alias"), "use spec.model.aliases"),
    OwnedFlag(("-c", "--ctx-size"), "use spec.contextLength"),
    OwnedFlag(("-np", "--parallel"), "use spec.slots"),
    OwnedFlag(
        ("-kvu", "--kv-unified", "-no-kvu", "--no-kv-unified"),
        "remove it: each slot always has spec.contextLength tokens of its own",
    ),
    OwnedFlag(
        ("-ngl", "--gpu-layers", "--n-gpu-layers"),
        "use spec.engine.gpuLayers",
    ),
    OwnedFlag(("-fa", "--flash-attn"), "use spec.engine.flashAttention"),
    OwnedFlag(
        ("-ctk", "--cache-type-k", "-ctv", "--cache-type-v"),
        "use spec.engine.kvCacheType",
    ),
    OwnedFlag(("-cram", "--cache-ram"), "use spec.engine.promptCacheMemory"),
    OwnedFlag(("-b", "--batch-size"), "use spec.engine.batchSize"),
    OwnedFlag(("-ub", "--ubatch-size"), "use spec.engine.microBatchSize"),
    OwnedFlag(("-t", "--threads"), "use spec.engine.threads"),
    OwnedFlag(
        ("--embedding", "--embeddings", "--rerank", "--reranking"),
        "use spec.engine.mode",
    ),
    OwnedFlag(
        ("--sleep-idle-seconds",),
        "use spec.autoscaling.minReplicas: 0 and spec.autoscaling.scaleToZeroAfterSeconds",
    ),
    OwnedFlag(("--host", "--port", "--reuse-port", "--api-prefix", "--path"), _GATEWAY),
    OwnedFlag(("--metrics", "--slots", "--no-slots"), _GATEWAY),
    OwnedFlag(("--jinja", "--no-jinja", "--offline"), _GATEWAY),
    OwnedFlag(("--ui", "--webui", "--no-ui", "--no-webui"), _GATEWAY),
    OwnedFlag(("--api-key", "--api-key-file"), _KEY),
    OwnedFlag(("--ssl-key-file", "--ssl-cert-file"), _TLS),
    OwnedFlag(("--tools", "--tools-runtime", "-ag", "--agent", "-no-ag", "--no-agent"), _NO_TOOLS),
    OwnedFlag(("--mcp-servers-config", "--mcp-servers-json"), _NO_TOOLS),
    OwnedFlag(
        ("--ui-mcp-proxy", "--webui-mcp-proxy", "--no-ui-mcp-proxy", "--no-webui-mcp-proxy"),
        _NO_TOOLS,
    ),
)

OWNED_FLAGS: Final = {flag: owned.instead for owned in OWNED for flag in owned.spellings}
"""Every spelling -> what to do instead."""


def refusal(argument: str) -> str | None:
    """Return why an entry of extraArgs is rejected and what to use instead, or None if it is valid.
    None if it is not.

    llama-server reads `--ctx_size` as `--ctx-size`; `--flag=value` is refused here by its true
    reason and not left to a crash at start.
    """
    flag = argument.partition("=")[0]
    if flag.startswith("--"):
        flag = flag.replace("_", "-")
    instead = OWNED_FLAGS.get(flag)
    return None if instead is None else f"{flag} is not allowed in spec.engine.extraArgs: {instead}"
