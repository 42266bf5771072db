"""With which arguments does llama-server start? The only place that knows its flags.

Arguments win over the environment, so what is passed here cannot be changed from outside. Whatever
has a default that moves between releases (port, slots, context, layers) is passed explicitly.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from llmstack.engines.interface import ServerOptions

_SLOTS: Final = "--parallel"
_MODE_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "generate": (),
    "embed": ("--embedding",),
    "rerank": ("--rerank",),
}


def arguments(options: ServerOptions) -> tuple[str, ...]:
    """The arguments after `llama-server`. Of a flag given twice, the server takes the last."""
    return (
        *_endpoint(options),
        *_model(options),
        *_capacity(options),
        *_computation(options),
        *_MODE_FLAGS[options.mode],
        *options.extra_args,
    )


def slots_in(arguments: Sequence[str]) -> int:
    """Return the number of slots in a server's arguments, or 0 if they do not set it."""
    for flag, value in pairwise(arguments):
        if flag == _SLOTS and value.isdecimal():
            return int(value)
    return 0


def _endpoint(options: ServerOptions) -> tuple[str, ...]:
    host = "::" if options.ipv6 else "0.0.0.0"  # noqa: S104  (the pod's own addresses)
    return (
        *("--host", host, "--port", str(options.port)),
        *("--api-key-file", options.api_key_file),
        *("--metrics", "--slots", "--jinja", "--no-webui"),
        "--offline",
    )


def _model(options: ServerOptions) -> tuple[str, ...]:
    mmproj = ("--mmproj", options.mmproj_path) if options.mmproj_path else ()
    return ("--model", options.model_path, *mmproj, "--alias", options.alias)


def _capacity(options: ServerOptions) -> tuple[str, ...]:
    """The context is shared out evenly: each slot has its own `context_length` tokens."""
    return (
        *(_SLOTS, str(options.slots), "--no-kv-unified"),
        *("--ctx-size", str(options.slots * options.context_length)),
        *("--cache-ram", str(options.prompt_cache_mib)),
    )


def _computation(options: ServerOptions) -> tuple[str, ...]:
    threads = () if options.threads is None else ("--threads", str(options.threads))
    batch, ubatch = _batches(options)
    return (
        *("--n-gpu-layers", str(options.gpu_layers)),
        *("--flash-attn", options.flash_attention),
        *("--cache-type-k", options.kv_cache_type_k, "--cache-type-v", options.kv_cache_type_v),
        *("--batch-size", str(batch), "--ubatch-size", str(ubatch)),
        *threads,
    )


def _batches(options: ServerOptions) -> tuple[int, int]:
    """An embedding is computed in one micro-batch: it must hold as long an input as a slot may."""
    if options.mode == "generate":
        return options.batch_size, options.ubatch_size
    ubatch = max(options.ubatch_size, options.context_length)
    return max(options.batch_size, ubatch), ubatch
