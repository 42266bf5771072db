"""What does one replica serve? The spec in the terms of an engine."""

from collections.abc import Mapping
from math import ceil
from typing import Literal

from llmstack.api.accelerator import Vendor
from llmstack.api.engine import EngineSpec, Toggle
from llmstack.api.quantity import parse_bytes, parse_quantity
from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.metadata import PORT, SERVER_KEY_FILE
from llmstack.engines.for_operator import SERVER
from llmstack.engines.interface import ServerOptions
from llmstack.errors import InvalidSpec
from llmstack.models.source import model_path, parse_source

_MEBIBYTE = 2**20
_TOGGLES: Mapping[Toggle, Literal["auto", "on", "off"]] = {
    Toggle.AUTO: "auto",
    Toggle.ON: "on",
    Toggle.OFF: "off",
}


def server_options(deployment: LLMDeployment, *, ipv6: bool = False) -> ServerOptions:
    """Every option that the operator decides. Raises InvalidSpec for refused extra flags.

    The alias is the deployment's name; further aliases are the gateway's to map, so that changing
    them reloads no model.
    """
    spec, engine = deployment.spec, deployment.spec.engine
    refused = [message for word in engine.extra_args if (message := SERVER.refusal(word))]
    if refused:
        raise InvalidSpec(f"spec.engine.extraArgs: {'; '.join(refused)}")
    return ServerOptions(
        model_path=_path(spec.model.source, spec.model.sha256),
        mmproj_path=_projector_path(spec),
        alias=deployment.name,
        slots=spec.slots,
        context_length=spec.context_length,
        api_key_file=SERVER_KEY_FILE,
        port=PORT,
        ipv6=ipv6,
        mode=engine.mode.value,
        gpu_layers=_gpu_layers(spec),
        flash_attention=_TOGGLES[engine.flash_attention],
        kv_cache_type_k=engine.kv_cache_type.value,
        kv_cache_type_v=engine.kv_cache_type.value,
        prompt_cache_mib=ceil(parse_bytes(engine.prompt_cache_memory) / _MEBIBYTE),
        batch_size=engine.batch_size,
        ubatch_size=engine.micro_batch_size,
        threads=_threads(engine),
        extra_args=tuple(engine.extra_args),
    )


def _path(source: str, sha256: str | None) -> str:
    return str(model_path(parse_source(source), sha256))


def _projector_path(spec: LLMDeploymentSpec) -> str | None:
    projector = spec.model.mmproj
    return _path(projector.source, projector.sha256) if projector else None


def _gpu_layers(spec: LLMDeploymentSpec) -> int | Literal["all"]:
    if spec.accelerator.vendor is Vendor.CPU:
        return 0
    return "all" if spec.engine.gpu_layers is None else spec.engine.gpu_layers


def _threads(engine: EngineSpec) -> int | None:
    """Left alone, llama.cpp counts the node's cores, not those that the pod may use."""
    cpu = engine.resources.requests.get("cpu") or engine.resources.limits.get("cpu")
    if engine.threads is not None or cpu is None:
        return engine.threads
    return max(1, ceil(parse_quantity(cpu)))
