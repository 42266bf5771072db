"""How many calls of the API server does the operator make for one deployment?

A real process with the chart's rights. The test plays controllers and kubelet, and the audit
log counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.audit import AuditLog, about, user
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, Process, installed

UNTIL_READY = 20
PATIENT = {
    "LLMSTACK_LEASE_DURATION_SECONDS": "60",
    "LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS": "50",
    "LLMSTACK_RESYNC_SECONDS": "3600",
}


@pytest.fixture(scope="module")
def stack(crd: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(crd, "counted", tmp_path_factory.mktemp("counted")) as installation:
        yield installation


@pytest.fixture(scope="module")
def operator(stack: Installation) -> Process:
    """It has begun, and looks at all deployments anew long after the tests are over."""
    started = stack.start("only", **PATIENT).wait_until("leading")
    space = Namespace(stack.server, stack.namespace)
    space.apply("before")
    space.wait_for_children("before")
    return started


def calls(stack: Installation, log: AuditLog) -> list[str]:
    """What was called for deployments: without Lease, watches, root Secret and looks at rights."""
    account = f"system:serviceaccount:{stack.namespace}:"
    return [
        f"{entry['verb']} {entry['requestURI']}"
        for entry in log.entries()
        if entry["stage"] == "ResponseComplete"
        and user(entry).startswith(account)
        and entry["verb"] != "watch"
        and about(entry, "resource") != "leases"
        and not about(entry, "name").startswith(stack.env["LLMSTACK_ROOT_SECRET"])
        and "llmstack.dev/none" not in entry["requestURI"]
    ]


def passes(operator: Process) -> float:
    lines = operator.probe("/metrics").text.splitlines()
    name = 'llmstack_operator_reconcile_seconds_count{result="ok"}'
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)), 0.0)


def wait_for_passes(operator: Process, number: float) -> None:
    wait_until(lambda: passes(operator) >= number, "a further pass", 30)


def status(space: Namespace, kind: str, name: str, **content: Any) -> None:
    body = json.dumps({"status": content})
    space.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", body)


def is_ready(space: Namespace, name: str) -> bool:
    return bool(space.condition("Ready", name).get("status") == "True")


def serve(space: Namespace, name: str) -> None:
    """The deployment's replica comes up, as controllers and kubelet would say."""
    space.wait_for_children(name)
    deployment = space.need("deployment", name)
    template = deployment["spec"]["template"]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": f"{name}-1"},
        "spec": {**template["spec"], "nodeName": "node-1"},
    }
    space.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(body))
    for phase, ready in (("Pending", "False"), ("Running", "False"), ("Running", "True")):
        conditions = [{"type": "Ready", "status": ready}]
        status(space, "pod", f"{name}-1", phase=phase, conditions=conditions)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    observed = deployment["metadata"]["generation"]
    status(space, "deployment", name, **counts, observedGeneration=observed)
    wait_until(lambda: is_ready(space, name), f"{name} to be Ready", 60)


def test_a_deployment_becomes_ready_with_few_calls(stack: Installation, operator: Process) -> None:
    space, log = Namespace(stack.server, stack.namespace), AuditLog(stack.server.audit_log)
    space.apply("first")
    serve(space, "first")
    made = calls(stack, log)
    assert len(made) <= UNTIL_READY, "\n".join(made)


def test_passes_over_a_deployment_that_is_ready_call_nobody(
    stack: Installation, operator: Process
) -> None:
    space, log = Namespace(stack.server, stack.namespace), AuditLog(stack.server.audit_log)
    space.apply("second")
    serve(space, "second")
    before = passes(operator)
    log.forget()
    for number in range(5):
        space.kubectl("annotate", "pod", "second-1", f"number={number}", "--overwrite")
        wait_for_passes(operator, before + number + 1)
    assert calls(stack, log) == []


def test_a_child_that_is_deleted_is_made_again_with_one_call(
    stack: Installation, operator: Process
) -> None:
    space, log = Namespace(stack.server, stack.namespace), AuditLog(stack.server.audit_log)
    space.apply("third")
    serve(space, "third")
    log.forget()
    space.kubectl("delete", "service", "third-replicas")
    wait_until(lambda: space.get("service", "third-replicas") is not None, "the Service", 30)
    passed = passes(operator)
    space.kubectl("annotate", "pod", "third-1", "number=1")
    wait_for_passes(operator, passed + 1)
    made = calls(stack, log)
    assert len(made) == 1 and made[0].startswith("patch "), "\n".join(made)
