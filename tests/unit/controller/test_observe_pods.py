"""How does a pod stand, as the API server tells it?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.observe_pods import PodLogs, find_container, parse_container, parse_pod
from llmstack.observed import Container, ContainerState


def pod(**status: Any) -> dict[str, Any]:
    metadata = {
        "name": "qwen-1",
        "uid": "u",
        "creationTimestamp": "1970-01-01T00:01:40Z",
        "annotations": {"llmstack.dev/template-hash": "t1"},
    }
    return {"metadata": metadata, "spec": {}, "status": status}


def unscheduled(reason: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": "0/1"}
    return pod(conditions=[condition])


def test_a_pod_that_was_just_made() -> None:
    parsed = parse_pod(pod(), PodLogs())
    assert (parsed.name, parsed.phase, parsed.created_at) == ("qwen-1", "Pending", 100)
    assert (parsed.fetch, parsed.server, parsed.template_hash) == (None, None, "t1")
    assert not (parsed.ready or parsed.terminating or parsed.unschedulable)


@pytest.mark.parametrize(
    ("sentence", "arguments", "slots"),
    [
        ("as its server was told", ["--parallel", "8", "--no-kv-unified"], 8),
        ("not told", ["--port", "8080"], 0),
        ("nothing told at all", None, 0),
        ("no number", ["--parallel", "many"], 0),
        ("no value", ["--parallel"], 0),
    ],
)
def test_the_slots_are_those_of_the_pods_own_server(
    sentence: str, arguments: list[str] | None, slots: int
) -> None:
    body = pod()
    server = {"name": "llama-server", **({"args": arguments} if arguments else {})}
    body["spec"]["containers"] = [{"name": "metrics", "args": ["--parallel", "3"]}, server]
    assert parse_pod(body, PodLogs()).slots == slots, sentence


SCHEDULING = [
    ("no node fits", "Unschedulable", "0/1"),
    ("gated: nobody's fault", "SchedulingGated", ""),
    ("the scheduler itself failed", "SchedulerError", ""),
]


@pytest.mark.parametrize(("sentence", "reason", "message"), SCHEDULING)
def test_unschedulable_is_what_the_scheduler_says(sentence: str, reason: str, message: str) -> None:
    assert parse_pod(unscheduled(reason), PodLogs()).unschedulable == message


def test_ready_terminating_and_evicted() -> None:
    body = pod(
        phase="Failed",
        reason="Evicted",
        message="low on disk",
        conditions=[{"type": "Ready", "status": "True"}],
    )
    body["metadata"]["deletionTimestamp"] = "1970-01-01T00:02:00Z"
    parsed = parse_pod(body, PodLogs())
    assert parsed.ready and parsed.terminating
    assert (parsed.phase, parsed.reason, parsed.message) == ("Failed", "Evicted", "low on disk")


def test_what_was_read_beside_the_pod_is_taken_over() -> None:
    body = pod(
        initContainerStatuses=[{"name": "fetch", "state": {"running": {}}}],
        containerStatuses=[{"name": "llama-server", "state": {"waiting": {}}}],
    )
    logs = PodLogs(
        fetch_tail="{}", fetch_line="f", server_line="s", accelerator_unused="no usable GPU"
    )
    parsed = parse_pod(body, logs, "no such volume")
    assert parsed.fetch and parsed.server
    assert (parsed.fetch.log_line, parsed.server.log_line) == ("f", "s")
    assert (parsed.fetch_log, parsed.accelerator_unused) == ("{}", "no usable GPU")
    assert parsed.volume_message == "no such volume"


MOUNTS = [
    ("the kubelet still tries", "False", "no such key"),
    ("it has healed: the sandbox exists", "True", ""),
]


@pytest.mark.parametrize(("sentence", "sandbox", "message"), MOUNTS)
def test_a_warning_about_a_mount_counts_until_it_heals(
    sentence: str, sandbox: str, message: str
) -> None:
    body = pod(conditions=[{"type": "PodReadyToStartContainers", "status": sandbox}])
    assert parse_pod(body, PodLogs(), "no such key").volume_message == message


ENDED = {
    "exitCode": 3,
    "reason": "Error",
    "message": '{"reason":"CacheFull"}',
    "startedAt": "1970-01-01T00:00:00Z",
    "finishedAt": "1970-01-01T00:00:30Z",
}
CONTAINERS: list[tuple[str, dict[str, Any], Container]] = [
    (
        "nothing known yet: it waits",
        {},
        Container("c", ContainerState.WAITING),
    ),
    (
        "its image does not come",
        {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}},
        Container("c", ContainerState.WAITING, reason="ImagePullBackOff", message="not found"),
    ),
    (
        "it runs",
        {"state": {"running": {"startedAt": "x"}}, "ready": True, "started": True},
        Container("c", ContainerState.RUNNING, ready=True, started=True),
    ),
    (
        "it has ended, and left a message",
        {"state": {"terminated": ENDED}},
        Container(
            "c",
            ContainerState.TERMINATED,
            reason="Error",
            exit_code=3,
            last_seconds=30,
            termination_message='{"reason":"CacheFull"}',
        ),
    ),
    (
        "it waits to start again: the message of its last run still tells",
        {
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": ENDED},
            "restartCount": 2,
        },
        Container(
            "c",
            ContainerState.WAITING,
            reason="CrashLoopBackOff",
            restarts=2,
            last_reason="Error",
            last_exit_code=3,
            last_seconds=30,
            termination_message='{"reason":"CacheFull"}',
        ),
    ),
]


@pytest.mark.parametrize(
    ("sentence", "status", "parsed"), CONTAINERS, ids=[row[0] for row in CONTAINERS]
)
def test_a_container(sentence: str, status: dict[str, Any], parsed: Container) -> None:
    assert parse_container({"name": "c", **status}) == parsed


def test_a_container_that_the_kubelet_has_not_reported() -> None:
    assert find_container(pod(containerStatuses=[{"name": "other"}]), "llama-server") is None


@pytest.mark.parametrize(("written", "cost"), [(None, 0), ("3", 3), ("-1", -1), ("much", 0)])
def test_what_its_deletion_costs(written: str | None, cost: int) -> None:
    body = pod()
    if written is not None:
        body["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] = written
    assert parse_pod(body, PodLogs()).deletion_cost == cost
