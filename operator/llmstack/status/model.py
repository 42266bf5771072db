"""What is known of the model?"""

from pathlib import PurePosixPath

from llmstack.api.conditions import ModelStatus
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.errors import InvalidSource
from llmstack.models.report import FetchResult, percentage
from llmstack.models.source import base_name, parse_source
from llmstack.status.fetching import FetchState
from llmstack.status.memory import estimated_memory
from llmstack.status.situation import Situation

_NAME_LIMIT = 512


def model_status(situation: Situation) -> ModelStatus:
    """The model that answers; where none does, the one that is asked for.

    What is known is what the newest report of a download says; else what was known, if it is the
    same model.
    """
    last = situation.deployment.status.model
    if last and situation.behind:
        return last
    result = fetched(situation)
    name = model_name(situation.spec)
    if result:
        estimate = estimated_memory(situation.spec, result)
        return _from_report(name, result, estimate.total if estimate else None)
    expected = situation.spec.model.sha256
    if last and last.name == name and expected in (None, last.sha256):
        return last
    return ModelStatus(name=name)


def fetched(situation: Situation) -> FetchResult | None:
    """Return the report of the newest successful download, or None."""
    return next((fetch.result for fetch in situation.fetches if fetch.result), None)


def download(situation: Situation) -> str | None:
    """How much of the model the replica has that is furthest; None where nothing is downloaded."""
    running = [fetch.progress for fetch in situation.fetches_in(FetchState.RUNNING)]
    told = [progress for progress in running if progress and progress.total]
    return percentage(max(told, key=lambda progress: progress.bytes)) if told else None


def model_name(spec: LLMDeploymentSpec) -> str:
    """Return the short name of the model: its file name, which people know it by."""
    source = spec.model.source
    try:
        name = base_name(parse_source(source))
    except InvalidSource:
        name = source
    return PurePosixPath(name).name.removesuffix(".gguf")[:_NAME_LIMIT] or source[:_NAME_LIMIT]


def _from_report(name: str, result: FetchResult, memory: int | None) -> ModelStatus:
    gguf = result.gguf
    return ModelStatus(
        name=name,
        sha256=result.model.sha256 or None,
        revision=result.model.revision,
        size_bytes=sum(file.size_bytes for file in result.files),
        architecture=gguf.architecture or None,
        parameters=gguf.parameters,
        context_length=gguf.context_length,
        quantization=gguf.quantization or None,
        memory_bytes=memory,
    )
