"""Which images run where?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.images import Image
from tests.e2e.stack import images
from tests.e2e.stack.errors import StackError
from tests.e2e.stack.release import chart_values, split

REFERENCES = [
    ("localhost/llm-stack/operator:0a1b", ("localhost/llm-stack/operator", "0a1b")),
    ("registry.example:5000/operator:1.0", ("registry.example:5000/operator", "1.0")),
]


@pytest.mark.parametrize(("reference", "parts"), REFERENCES)
def test_a_reference_is_split_at_its_tag(reference: str, parts: tuple[str, str]) -> None:
    assert split(reference) == parts


@pytest.mark.parametrize("reference", ["operator", "registry.example:5000/operator"])
def test_a_reference_without_a_tag_is_refused(reference: str) -> None:
    with pytest.raises(StackError, match="name it as repository:tag"):
        split(reference)


def test_the_chart_gets_the_images() -> None:
    values = chart_values(images.StackImages("r/operator:1", "r/llama:2", ""))

    assert values == {
        "image.repository": "r/operator",
        "image.tag": "1",
        "serverImages.cpu": "r/llama:2",
    }


MISSING = [
    ({}, "OPERATOR_IMAGE and LLAMA_SERVER_IMAGE must name"),
    ({"OPERATOR_IMAGE": "r/operator:1"}, "LLAMA_SERVER_IMAGE must name"),
]


@pytest.mark.parametrize(("environment", "words"), MISSING)
def test_an_existing_cluster_needs_pushed_images(environment: dict[str, str], words: str) -> None:
    with pytest.raises(StackError, match=words):
        images.named(environment)


def test_an_existing_cluster_may_reach_the_hub_and_then_needs_no_sample_image() -> None:
    pushed = {"OPERATOR_IMAGE": "r/operator:1", "LLAMA_SERVER_IMAGE": "r/llama:2"}

    assert images.named(pushed) == images.StackImages("r/operator:1", "r/llama:2", "")


class Cluster:
    """Nodes that report images, and take new ones."""

    provider, name, kubeconfig = "bare", "fake", Path("kubeconfig")

    def __init__(self, *nodes: list[str]) -> None:
        self.nodes = nodes
        self.loaded: list[str] = []

    def kubectl(self, *_: str) -> str:
        return json.dumps({"items": [{"status": {"images": [{"names": n}]}} for n in self.nodes]})

    def load_image(self, ref: str, archive: Path) -> None:
        self.loaded.append(ref)


LOADS = [
    ("an empty node gets both", ([],), ["a:1", "b:1"]),
    ("what is there is not loaded again", (["a:1"],), ["b:1"]),
    ("what one node lacks is loaded", (["a:1", "b:1"], ["b:1"]), ["a:1"]),
]


@pytest.mark.parametrize(("sentence", "nodes", "loaded"), LOADS, ids=[load[0] for load in LOADS])
def test_images_are_loaded_where_they_are_missing(
    sentence: str, nodes: tuple[list[str], ...], loaded: list[str]
) -> None:
    cluster = Cluster(*nodes)

    count = images.load(cluster, [Image(ref, Path("x.tar")) for ref in ("a:1", "b:1")])  # type: ignore[arg-type]

    assert (cluster.loaded, count) == (loaded, len(loaded)), sentence
