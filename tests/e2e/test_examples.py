"""Do the samples come up on a node? As they are, but for what the node has not got.

The small model is in place of the hub's, in a fraction of its cores. GPUs are advertised only: the
server computes on the CPU and says so, and all that is asked of the scheduler is real.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.stack import Object, Stack
from tests.support.examples import deployment

CONTEXT = 512
"""Tokens a slot: the small model takes fewer than the others."""
VRAM = "amd.com/gpu.vram"
DEVICES = {
    "qwen": "nvidia.com/gpu",
    "qwen-slice": "nvidia.com/mig-1g.10gb",
    "qwen-large": "amd.com/gpu",
}


def on_this_node(stack: Stack, name: str, **engine: object) -> Object:
    """A sample; `engine` replaces fields of its engine."""
    body = deployment(name)
    spec = body["spec"]
    small = {"threads": 1, "promptCacheMemory": 0, "resources": {"requests": {"cpu": "50m"}}}
    model = {key: value for key, value in spec["model"].items() if key != "sha256"}
    changed = {
        "model": {**model, "source": stack.model_url},
        "contextLength": CONTEXT,
        "engine": {**spec["engine"], **small, **engine},
        "cache": {**spec["cache"], "size": "1Gi"},
    }
    return {**body, "spec": {**spec, **changed}}


def test_the_samples_for_cpus_answer_each_by_its_name(stack: Stack) -> None:
    for name in ("qwen-small", "chat", "autoscaled"):
        stack.apply(on_this_node(stack, name))
    # The small model is no embedding model: it does not say how to make one vector of many.
    stack.apply(on_this_node(stack, "embed", extraArgs=["--pooling", "mean"]))

    for name in ("qwen-small", "chat", "embed", "autoscaled"):
        stack.wait(name)

    for name in ("qwen-small", "chat", "autoscaled"):
        assert stack.ask(name, "Say hello.").strip()
    with stack.gateway() as gateway:
        body = {"model": stack.full_name("embed"), "input": ["the sea", "a ship", "a hut"]}
        answer = gateway.post("/v1/embeddings", json=body).raise_for_status().json()
    assert [item["index"] for item in answer["data"]] == [0, 1, 2]


def test_the_autoscaled_sample_sleeps_and_wakes_without_a_download(stack: Stack) -> None:
    body = on_this_node(stack, "autoscaled")
    # The sample waits for a minute.
    body["spec"]["autoscaling"]["scaleToZeroAfterSeconds"] = 10
    stack.apply(body)

    stack.wait("autoscaled", reason="ScaledToZero")
    assert stack.ask("autoscaled", "Say hello.").strip()

    autoscaler = stack.get("horizontalpodautoscalers", "autoscaled")["spec"]
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (1, 4)
    assert stack.condition("autoscaled", "Autoscaling")["reason"] != "WakeDownloads"


@pytest.fixture
def labelled(bare: BareCluster, stack: Stack) -> Iterator[BareCluster]:
    """A node with the label of AMD's node labeller that the sample asks for."""
    assert stack.cluster is bare, "only the bare node's status can be patched"
    (value,) = deployment("qwen-large")["spec"]["accelerator"]["nodeSelector"].values()
    stack.kubectl("label", "node", bare.name, f"{VRAM}={value}")
    yield bare
    stack.kubectl("label", "node", bare.name, f"{VRAM}-")


def test_the_samples_for_gpus_get_the_device_that_they_ask_for(
    stack: Stack, labelled: BareCluster, stack_images: StackImages
) -> None:
    for name in DEVICES:
        stack.apply(on_this_node(stack, name, image=stack_images.llama_server))
    for name in ("qwen-slice", "qwen-large"):
        missing = stack.wait(name, "Scheduled", "False", "InsufficientAccelerators")
        assert f"1 {DEVICES[name]}" in missing["message"]

    for resource in DEVICES.values():
        labelled.advertise_gpu(1, resource)

    for name, resource in DEVICES.items():
        assert resource in stack.wait(name, "Ready", "True", "AcceleratorUnused")["message"]
        (pod,) = stack.pods(name)
        asked = pod["spec"]["containers"][0]["resources"]
        devices = {key: value for key, value in asked["limits"].items() if "/" in key}
        assert devices == {resource: "1"}
    amd = stack.pods("qwen-large")[0]["spec"]
    assert amd["nodeSelector"] == {VRAM: "24G"}
    assert amd["securityContext"]["supplementalGroups"] == [44, 110]
