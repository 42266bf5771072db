"""What people and failures do to a running deployment is repaired within seconds."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.processes import wait_until
from tests.e2e.scaling.killing import kill, leading, pods
from tests.e2e.stack.stack import Object, Stack

SECONDS = 30.0
CHILDREN = (
    "deployment/faulty",
    "service/faulty",
    "service/faulty-replicas",
    "networkpolicy/faulty",
    "serviceaccount/faulty",
)


@pytest.fixture
def running(stack: Stack) -> Stack:
    """A stack with one Ready deployment."""
    stack.apply(stack.sample("faulty"))
    stack.wait("faulty")
    return stack


def uid(stack: Stack, child: str) -> str:
    return stack.kubectl("get", child, "--ignore-not-found", "--output=jsonpath={.metadata.uid}")


@pytest.mark.parametrize("child", CHILDREN)
def test_a_deleted_child_comes_back(running: Stack, child: str) -> None:
    before = uid(running, child)

    running.kubectl("delete", child, "--wait=false")

    wait_until(lambda: uid(running, child) not in ("", before), f"a new {child}", SECONDS)
    running.wait("faulty")


def test_an_edited_child_is_put_right(running: Stack) -> None:
    generation = running.get("deployment", "faulty")["spec"]["template"]
    edit = [{"op": "replace", "path": "/spec/progressDeadlineSeconds", "value": 7}]
    running.kubectl("patch", "deployment/faulty", "--type=json", f"--patch={json.dumps(edit)}")

    def put_right() -> bool:
        return running.get("deployment", "faulty")["spec"]["progressDeadlineSeconds"] != 7

    wait_until(put_right, "the old deadline", SECONDS)
    assert running.get("deployment", "faulty")["spec"]["template"] == generation


def test_an_operator_killed_in_the_middle_goes_on_where_it_was(
    stack: Stack, bare: BareCluster
) -> None:
    """Its process is killed just when deployments are applied; the next one finishes them."""
    assert stack.cluster is bare, "only a process of this host can be killed"
    names = [f"killed-{index}" for index in range(3)]
    operator = leading(stack)

    stack.apply("\n---\n".join(json.dumps(stack.sample(name, replicas=1)) for name in names))
    kill(bare, operator)

    for name in names:
        stack.wait(name, seconds=240)
        assert len(stack.items("deployments", f"llmstack.dev/deployment={name}")) == 1
    (same,) = (pod for pod in pods(stack, "operator") if uid_of(pod) == uid_of(operator))
    assert restarts(same) > restarts(operator)


def uid_of(pod: Object) -> str:
    return str(pod["metadata"]["uid"])


def restarts(pod: Object) -> int:
    (container,) = pod["status"]["containerStatuses"]
    return int(container["restartCount"])
