"""In which state are the replicas, according to their Pod objects?

Pure parsers of a Pod as the API server returns it, and of what logs and Events say about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmstack.desired.metadata import (
    DELETION_COST,
    FETCH_CONTAINER,
    SERVER_CONTAINER,
    TEMPLATE_HASH,
    annotation,
)
from llmstack.engines.for_operator import SERVER
from llmstack.observed import Container, ContainerState, Pod

Object = Mapping[str, Any]


@dataclass(frozen=True)
class PodLogs:
    """What was read of a pod's logs: lines about ended runs, and the tail of a download's log."""

    fetch_tail: str = ""
    fetch_line: str = ""
    server_line: str = ""
    accelerator_unused: str = ""


def parse_pod(body: Object, logs: PodLogs, volume_message: str = "") -> Pod:
    """Parses a pod."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        phase=status.get("phase", "Pending"),
        created_at=seconds(metadata["creationTimestamp"]),
        node=body.get("spec", {}).get("nodeName", ""),
        ready=conditions.get("Ready", {}).get("status") == "True",
        terminating="deletionTimestamp" in metadata,
        unschedulable=_unschedulable(conditions.get("PodScheduled", {})),
        template_hash=annotation(body, TEMPLATE_HASH),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        fetch=find_container(body, FETCH_CONTAINER, logs.fetch_line),
        server=find_container(body, SERVER_CONTAINER, logs.server_line),
        fetch_log=logs.fetch_tail,
        accelerator_unused=logs.accelerator_unused,
        volume_message="" if _has_its_volumes(conditions) else volume_message,
        deletion_cost=_integer(annotation(body, DELETION_COST)),
        slots=_slots(body),
    )


def _slots(body: Object) -> int:
    """Returns the slots of this pod's own server; the spec may have changed since."""
    for container in body.get("spec", {}).get("containers") or ():
        if container["name"] == SERVER_CONTAINER:
            return SERVER.slots_in(container.get("args") or ())
    return 0


def _integer(text: str) -> int:
    """Returns the number, or 0 if it is invalid, as Kubernetes does."""
    try:
        return int(text)
    except ValueError:
        return 0


def seconds(timestamp: str) -> float:
    """Returns a Kubernetes time as seconds since the epoch."""
    return datetime.fromisoformat(timestamp).timestamp()


def _unschedulable(scheduled: Object) -> str:
    """Returns the scheduler's message; a scheduling gate or ongoing binding is not a fault."""
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return str(scheduled.get("message", ""))
    return ""


def _has_its_volumes(conditions: Mapping[str, Object]) -> bool:
    """True if all volumes are mounted: only then does the kubelet create the pod's sandbox.

    An Event outlives its cause by an hour, so a warning about a mount may be out of date.
    """
    return conditions.get("PodReadyToStartContainers", {}).get("status") == "True"


def find_container(body: Object, name: str, line: str = "") -> Container | None:
    """Returns the state of the pod's container with that name; None before it is reported."""
    status = body.get("status") or {}
    for section in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(section) or ():
            if item["name"] == name:
                return parse_container(item, line)
    return None


def parse_container(item: Object, line: str = "") -> Container:
    """Parses one entry of `containerStatuses`."""
    state, detail = _state(item.get("state") or {})
    last = (item.get("lastState") or {}).get("terminated") or {}
    ended = detail if state is ContainerState.TERMINATED else last
    return Container(
        name=item["name"],
        state=state,
        ready=bool(item.get("ready")),
        started=bool(item.get("started")),
        restarts=item.get("restartCount", 0),
        reason=detail.get("reason", ""),
        message=detail.get("message", "") if state is ContainerState.WAITING else "",
        exit_code=detail.get("exitCode"),
        last_reason=last.get("reason", ""),
        last_exit_code=last.get("exitCode"),
        last_seconds=_lasted(ended),
        termination_message=ended.get("message", ""),
        log_line=line,
        image=item.get("image", ""),
    )


def _lasted(run: Object) -> float | None:
    """Returns the seconds that a run lasted, or None if the kubelet does not know."""
    started, finished = run.get("startedAt"), run.get("finishedAt")
    return seconds(finished) - seconds(started) if started and finished else None


def _state(state: Object) -> tuple[ContainerState, Object]:
    """Returns the state and its details. No entry means: waiting, without a reason yet."""
    for name in (ContainerState.RUNNING, ContainerState.TERMINATED, ContainerState.WAITING):
        if name.value in state:
            return name, state[name.value] or {}
    return ContainerState.WAITING, {}
