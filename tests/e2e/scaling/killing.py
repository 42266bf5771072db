"""How does a pod's process end without a word?

A pod that is deleted by force is still told to end, and drains. So its processes are killed from
outside, as a node's kernel does when memory runs out.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack.release import NAMESPACE
from tests.e2e.stack.stack import Object, Stack

HERE = f"--namespace={NAMESPACE}"
PAUSE = "catatonit"
"""It holds a pod's namespaces; the kubelet replaces a pod whose holder dies."""


def kill(bare: BareCluster, pod: Object) -> None:
    """Kills what runs in the pod's containers, at once. Only on a node of this host."""
    assert bare.running()
    found = processes(pod["metadata"]["uid"])
    assert found, f"nothing runs in {pod['metadata']['name']}"
    for process in found:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def processes(uid: str) -> list[int]:
    """The processes of a pod, by the names of their control groups."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        # Any of them may end meanwhile.
        with suppress(OSError):
            command = (each / "cmdline").read_bytes().split(b"\0")[0].decode()
            groups = (each / "cgroup").read_text()
            if uid in groups and command and Path(command).name not in (PAUSE, "pause"):
                found.append(int(each.name))
    return found


def kill_leader(stack: Stack, bare: BareCluster) -> str:
    """Kills the operator that leads. Who was it?"""
    holder = leader(stack)
    kill(bare, leading(stack))
    return holder


def leading(stack: Stack) -> Object:
    """The pod of the operator that leads."""
    holder = leader(stack)
    (pod,) = (pod for pod in pods(stack, "operator") if pod["metadata"]["name"] in holder)
    return pod


def leader(stack: Stack) -> str:
    """Who holds the Lease?"""
    (lease,) = json.loads(stack.kubectl("get", "leases", HERE, "--output=json"))["items"]
    return str(lease["spec"].get("holderIdentity") or "")


def pods(stack: Stack, component: str) -> list[Object]:
    """The release's pods of one component."""
    selector = f"--selector=app.kubernetes.io/component={component}"
    found = json.loads(stack.kubectl("get", "pods", HERE, selector, "--output=json"))
    items: list[Object] = found["items"]
    return items
