"""Which images does the chart run, and what does it say where nobody names them?"""

from __future__ import annotations

import pytest

from llmstack.settings.operator import OperatorSettings
from llmstack.version import VERSION
from tests.integration.chart.helm import Object, render, template

DIGEST = "sha256:" + "0" * 64
REGISTRY = "image.registry=registry.example.com:5000/team"
OURS = "registry.example.com:5000/team/llm-stack"
NAMED = [
    (
        "a registry alone",
        (REGISTRY,),
        (f"{OURS}/operator:{VERSION}", f"{OURS}/llama-server:{VERSION}"),
    ),
    (
        "a registry that ends with a slash",
        (f"{REGISTRY}/",),
        (f"{OURS}/operator:{VERSION}", f"{OURS}/llama-server:{VERSION}"),
    ),
    (
        "a registry, and the operator's tag",
        (REGISTRY, "image.tag=v1"),
        (f"{OURS}/operator:v1", f"{OURS}/llama-server:{VERSION}"),
    ),
    (
        "a registry, and the operator's digest",
        (REGISTRY, f"image.digest={DIGEST}"),
        (f"{OURS}/operator@{DIGEST}", f"{OURS}/llama-server:{VERSION}"),
    ),
    (
        "a registry, and names that win over it",
        (REGISTRY, "image.repository=a.example/op", "serverImages.cpu=b.example/cpu:2"),
        (f"a.example/op:{VERSION}", "b.example/cpu:2"),
    ),
]


def images(objects: list[Object]) -> tuple[str, str]:
    """The operator's image, and that of llama-server it is told of."""
    (pod,) = (
        body["spec"]["template"]["spec"]["containers"][0]
        for body in objects
        if (body["kind"], body["metadata"]["name"]) == ("Deployment", "llm-stack")
    )
    told = {each["name"]: each.get("value", "pod") for each in pod["env"]}
    settings = OperatorSettings.from_env(told)
    assert settings.fetch_image == pod["image"]
    return pod["image"], settings.server_images["cpu"]


@pytest.mark.parametrize(("what", "values", "expected"), NAMED, ids=[row[0] for row in NAMED])
def test_both_images_are_known_by(
    what: str, values: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert images(render(*values)) == expected, what


UNNAMED = [
    (
        "nothing",
        (),
        "Set image.repository to the operator's image, or set image.registry for both.",
    ),
    (
        "the operator's image alone",
        ("image.repository=a.example/op",),
        "Set serverImages.cpu to the llama-server image, with its tag, or set "
        "image.registry for both.",
    ),
    (
        "llama-server's image alone",
        ("serverImages.cpu=b.example/cpu:2",),
        "Set image.repository to the operator's image, or set image.registry for both.",
    ),
]


@pytest.mark.parametrize(("what", "values", "words"), UNNAMED, ids=[row[0] for row in UNNAMED])
def test_where_an_image_is_not_named_it_is_said_how_to_build_and_push(
    what: str, values: tuple[str, ...], words: str
) -> None:
    said = template(*values).stderr

    assert words in said, what
    assert "build the images with `make images`" in said
    assert f"push them as REGISTRY/llm-stack/operator:{VERSION}" in said
    assert "--set image.registry=REGISTRY" in said


def test_a_registry_is_no_url() -> None:
    said = template("image.registry=https://registry.example.com").stderr

    assert "without a scheme, for example registry.example.com" in said
