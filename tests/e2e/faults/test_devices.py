"""Accelerators: those that no node has, and one that is advertised only."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack.stack import Stack

from .sentences import Sentence, assert_event, check

RESOURCE = "nvidia.com/gpu"
GPU_IMAGE_IS_CPU = "the llama-server image of this build knows no GPU"


@pytest.fixture
def gpu(bare: BareCluster, stack: Stack) -> BareCluster:
    """A node that advertises one GPU."""
    assert stack.cluster is bare, "only the bare node's status can be patched"
    bare.advertise_gpu(1, RESOURCE)
    return bare


def image(stack: Stack) -> str:
    """The operator's llama-server image for CPUs, to be used with an advertised GPU."""
    operator = stack.kubectl(
        "--namespace=llm-stack", "get", "deployments", "--output=jsonpath={.items[*].spec}"
    )
    marker = '"name":"LLMSTACK_IMAGE_SERVER_CPU","value":"'
    return operator.split(marker)[1].split('"')[0]


@pytest.mark.usefixtures("gpu")
def test_more_devices_than_any_node_has(stack: Stack) -> None:
    accelerator = {"vendor": "nvidia", "count": 3}
    engine = {"image": image(stack)}

    check(
        stack,
        Sentence(
            "",
            {"accelerator": accelerator, "engine": engine},
            "Scheduled",
            "InsufficientAccelerators",
            (f"3 {RESOURCE}", "no node has more than 1", "accelerator.count"),
        ),
    )


@pytest.mark.usefixtures("gpu")
def test_an_advertised_device_is_scheduled_and_its_idleness_is_a_warning(stack: Stack) -> None:
    accelerator = {"vendor": "nvidia", "count": 1}
    stack.apply(stack.sample("faulty", accelerator=accelerator, engine={"image": image(stack)}))

    found = stack.wait("faulty", "Ready", "True", "AcceleratorUnused")

    assert RESOURCE in found["message"]
    (pod,) = stack.pods("faulty")
    (server,) = pod["spec"]["containers"]
    assert server["resources"]["limits"][RESOURCE] == "1"
    assert stack.condition("faulty", "Scheduled")["status"] == "True"
    assert_event(stack, "AcceleratorUnused")


@pytest.mark.usefixtures("gpu")
def test_an_update_with_every_device_in_use_does_not_deadlock(stack: Stack) -> None:
    accelerator = {"vendor": "nvidia", "count": 1}
    engine = {"image": image(stack)}
    stack.apply(stack.sample("faulty", accelerator=accelerator, engine=engine))
    stack.wait("faulty")
    (before,) = stack.pods("faulty")

    stack.apply(stack.sample("faulty", accelerator=accelerator, engine=engine, slots=3))

    stack.wait_for(
        "faulty",
        lambda now: (
            now.get("Ready", {}).get("status") == "True"
            and now["Progressing"]["reason"] == "Available"
            and stack.pods("faulty")[0]["metadata"]["uid"] != before["metadata"]["uid"]
        ),
        "the new replica in place of the old one",
    )
