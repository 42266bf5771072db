"""Deployments, pods and snapshots that the tests of conditions share."""

import json
from dataclasses import replace
from typing import Any

from llmstack.api.conditions import Condition, LLMDeploymentStatus
from llmstack.api.resource import LLMDeployment
from llmstack.engines.facts import GGUFFacts
from llmstack.models.report import (
    FetchedFile,
    FetchFailure,
    FetchResult,
    Progress,
    encode_progress,
    encode_termination,
)
from llmstack.observed import Container, ContainerState, Observed, Pod, Workload
from llmstack.status import compute
from tests.unit.desired.samples import deployment

NOW = 1_700_000_000.0
NEW = "new-template"
GIB = 2**30

FACTS = GGUFFacts(
    architecture="llama",
    parameters=134_515_008,
    quantization="Q8_0",
    size_bytes=144 * 2**20,
    context_length=8192,
    block_count=30,
    embedding_length=576,
    head_count=9,
    head_count_kv=3,
    vocabulary_size=49152,
)
REPORT = FetchResult((FetchedFile("model", "c" * 64, 144 * 2**20, revision="abc"),), FACTS)

W, R, T = ContainerState.WAITING, ContainerState.RUNNING, ContainerState.TERMINATED

FETCHED = Container(
    "fetch", T, exit_code=0, reason="Completed", termination_message=encode_termination(REPORT)
)
FETCHING = Container("fetch", R, image="llm-stack:1")
NOT_YET = Container("llama-server", W, reason="PodInitializing", image="llama-server:cpu")
LOADING = Container("llama-server", R)
SERVING = Container("llama-server", R, ready=True, started=True)


def pod(name: str = "qwen-1", **fields: Any) -> Pod:
    """A replica of the newest template on a node, which has only just been placed."""
    defaults: dict[str, Any] = {
        "uid": name,
        "phase": "Pending",
        "created_at": NOW - 60,
        "node": "node-1",
        "template_hash": NEW,
        "slots": 4,
    }
    return Pod(name=name, **{**defaults, **fields})


def homeless(message: str = "", **fields: Any) -> Pod:
    """A replica without a node."""
    return pod(node="", unschedulable=message, **fields)


def serving(name: str = "qwen-1", **fields: Any) -> Pod:
    """A replica that answers."""
    return pod(name, phase="Running", ready=True, fetch=FETCHED, server=SERVING, **fields)


def loading(server: Container = LOADING, **fields: Any) -> Pod:
    """A replica that has the model and does not answer (yet)."""
    return pod(phase="Running", fetch=FETCHED, server=server, **fields)


def fetching(log: Progress | None = None, fetch: Container = FETCHING, **fields: Any) -> Pod:
    """A replica that gets the model."""
    text = encode_progress(log) + "\n" if log else ""
    return pod(fetch=fetch, server=NOT_YET, fetch_log=text, **fields)


def failed_fetch(reason: str, message: str, **fields: Any) -> Pod:
    """A replica that cannot get the model, between two tries."""
    told = encode_termination(FetchFailure(reason, message))
    container = Container(
        "fetch",
        W,
        reason="CrashLoopBackOff",
        restarts=2,
        last_exit_code=1,
        last_reason="Error",
        termination_message=told,
    )
    return fetching(fetch=container, **fields)


def crashed(log_line: str = "", exit_code: int = 1, **fields: Any) -> Container:
    """A server that ended and waits for its next try."""
    ended: dict[str, Any] = {
        "reason": "CrashLoopBackOff",
        "restarts": 3,
        "last_exit_code": exit_code,
        "last_reason": "Error",
        "log_line": log_line,
    }
    return Container("llama-server", W, **{**ended, **fields})


def workload(wanted: int = 1, available: int = 0, **fields: Any) -> Workload:
    """A Deployment whose replicas are all of the newest template."""
    counts: dict[str, Any] = {
        "generation": 2,
        "observed_generation": 2,
        "wanted": wanted,
        "replicas": wanted,
        "updated": wanted,
        "ready": available,
        "available": available,
        "template_hash": NEW,
    }
    return Workload(**{**counts, **fields})


def observed(*pods: Pod, **fields: Any) -> Observed:
    """A snapshot with these replicas; `workload` counts them unless it is given."""
    ready = sum(item.ready for item in pods)
    counted = workload(wanted=max(1, len(pods)), available=ready)
    return Observed(pods=pods, **{"workload": counted, **fields})


def conditions(status: LLMDeploymentStatus) -> dict[str, Condition]:
    """By type."""
    return {condition.type: condition for condition in status.conditions}


def judged(snapshot: Observed, **spec: Any) -> dict[str, Condition]:
    """The conditions of a deployment that is looked at for the first time."""
    return conditions(compute(deployment(**spec), snapshot, NOW))


def after(wanted: LLMDeployment, status: LLMDeploymentStatus) -> LLMDeployment:
    """The same deployment with a status from an earlier pass."""
    return replace(wanted, status=status)


def compact(value: Any) -> str:
    """JSON of a status, to compare."""
    return json.dumps(value, sort_keys=True)
