"""How far is the model in one pod?"""

from dataclasses import dataclass
from enum import StrEnum

from llmstack.api import reasons
from llmstack.models.report import (
    FetchFailure,
    FetchResult,
    Progress,
    parse_log,
    parse_termination,
)
from llmstack.observed import Container, ContainerState, Pod
from llmstack.status.images import pull_failure


class FetchState(StrEnum):
    """State of the init container."""

    WAITING = "waiting"
    UNPULLED = "unpulled"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class Fetch:
    """One init container: what it does, how far it is, and how it ended."""

    pod: Pod
    state: FetchState
    progress: Progress | None = None
    result: FetchResult | None = None
    failure: FetchFailure | None = None


def read_fetch(pod: Pod) -> Fetch:
    """Return the state of this pod's init container."""
    container = pod.fetch
    if container is None:
        return Fetch(pod, FetchState.WAITING)
    if pull_failure(container):
        return Fetch(pod, FetchState.UNPULLED)
    progress = parse_log(pod.fetch_log)
    if _is_done(container):
        report = parse_termination(container.termination_message)
        result = report if isinstance(report, FetchResult) else None
        return Fetch(pod, FetchState.DONE, result=result)
    if _has_failed(container, progress):
        return Fetch(pod, FetchState.FAILED, failure=_failure(container))
    if container.state is ContainerState.RUNNING:
        return Fetch(pod, FetchState.RUNNING, progress=progress)
    return Fetch(pod, FetchState.WAITING)


def _is_done(container: Container) -> bool:
    return container.state is ContainerState.TERMINATED and container.exit_code == 0


def _has_failed(container: Container, progress: Progress | None) -> bool:
    """A new try counts as failed until it downloads: else the reason would come and go with it."""
    match container.state:
        case ContainerState.TERMINATED:
            return True
        case ContainerState.WAITING:
            return container.last_exit_code not in (None, 0)
        case ContainerState.RUNNING:
            return container.last_exit_code not in (None, 0) and progress is None


def _failure(container: Container) -> FetchFailure:
    report = parse_termination(container.termination_message)
    if isinstance(report, FetchFailure):
        return report
    if "OOMKilled" in (container.reason, container.last_reason):
        return FetchFailure(
            reasons.OUT_OF_MEMORY,
            "the download used more memory than its limit and was killed; please report this bug",
        )
    code = container.exit_code if container.exit_code is not None else container.last_exit_code
    said = container.log_line or container.termination_message.strip() or "it wrote no message"
    return FetchFailure(reasons.FETCH_FAILED, f"the download failed with exit code {code}: {said}")
