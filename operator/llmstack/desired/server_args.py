"""With which arguments does llama-server start? The only place that knows its flags.

Arguments win over the environment, so what is passed here cannot be changed from outside. Whatever
has a default that moves between releases (port, slots, context, layers) is passed explicitly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from llmstack.api.engine import KvCacheType, Mode, Toggle
from llmstack.api.server_flags import OWNED_FLAGS, refusal

__all__ = ["OWNED_FLAGS", "ServerOptions", "refused_flags", "server_args", "slots_in"]

_SLOTS: Final = "--parallel"
_MODE_FLAGS: Final[dict[Mode, tuple[str, ...]]] = {
    Mode.GENERATE: (),
    Mode.EMBED: ("--embedding",),
    Mode.RERANK: ("--rerank",),
}
_TOGGLE_WORDS: Final[dict[Toggle, str]] = {
    Toggle.AUTO: "auto",
    Toggle.ON: "on",
    Toggle.OFF: "off",
}


@dataclass(frozen=True)
class ServerOptions:
    """Options of llama-server for one replica."""

    model_path: str
    alias: str
    slots: int
    context_length: int
    """Tokens per slot."""
    api_key_file: str
    mmproj_path: str | None = None
    port: int = 8080
    ipv6: bool = False
    """Listen on all addresses of both families; where the kernel has no IPv6, the server cannot."""
    mode: Mode = Mode.GENERATE
    gpu_layers: int | Literal["auto", "all"] = "all"
    flash_attention: Toggle = Toggle.AUTO
    kv_cache_type_k: KvCacheType = KvCacheType.F16
    kv_cache_type_v: KvCacheType = KvCacheType.F16
    prompt_cache_mib: int = 1024
    batch_size: int = 2048
    ubatch_size: int = 512
    threads: int | None = None
    """None: as many as llama.cpp finds fit."""
    extra_args: tuple[str, ...] = ()


def server_args(options: ServerOptions) -> tuple[str, ...]:
    """The arguments after `llama-server`. Of a flag given twice, the server takes the last."""
    return (
        *_endpoint(options),
        *_model(options),
        *_capacity(options),
        *_computation(options),
        *_MODE_FLAGS[options.mode],
        *options.extra_args,
    )


def refused_flags(extra_args: Iterable[str]) -> list[str]:
    """Return one message for each argument that users must not pass, in order."""
    return [message for word in extra_args if (message := refusal(word))]


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
        *("--flash-attn", _TOGGLE_WORDS[options.flash_attention]),
        *("--cache-type-k", options.kv_cache_type_k, "--cache-type-v", options.kv_cache_type_v),
        *("--batch-size", str(batch), "--ubatch-size", str(ubatch)),
        *threads,
    )


def _batches(options: ServerOptions) -> tuple[int, int]:
    """An embedding is computed in one micro-batch: it must hold as long an input as a slot may."""
    if options.mode is Mode.GENERATE:
        return options.batch_size, options.ubatch_size
    ubatch = max(options.ubatch_size, options.context_length)
    return max(options.batch_size, ubatch), ubatch
