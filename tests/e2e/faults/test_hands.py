"""What people and failures do to a running deployment is repaired within seconds."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.release import NAMESPACE
from tests.e2e.stack.stack import Stack

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


def test_an_operator_killed_in_the_middle_goes_on_where_it_was(stack: Stack) -> None:
    """Its process is killed just when a deployment is applied; the next one finishes it."""
    operator = f"--namespace={NAMESPACE}"
    for index in range(3):
        stack.apply(stack.sample(f"killed-{index}", replicas=1))
        stack.kubectl(
            operator,
            "delete",
            "pods",
            "--selector=app.kubernetes.io/name=llm-stack",
            "--grace-period=0",
            "--force",
        )

    for index in range(3):
        stack.wait(f"killed-{index}", seconds=240)

    for index in range(3):
        assert len(stack.items("deployments", f"llmstack.dev/deployment=killed-{index}")) == 1
