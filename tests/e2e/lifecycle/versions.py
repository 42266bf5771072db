"""What differs between the version before this one and this one? Chart, CRD, and every image.

The previous operator is built from its commit. llama-server has the same content in both, and
another digest in each: what an upgrade does depends on no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.cluster.provider import Provider
from tests.e2e.images import build_recipe, recipes
from tests.e2e.stack import images, previous
from tests.e2e.stack.images import LLAMA_SERVER, StackImages
from tests.e2e.stack.release import split


@dataclass(frozen=True)
class Versions:
    """The images of both; all of them are on the node."""

    previous: StackImages
    current: StackImages


def load(cluster: Provider) -> Versions:
    """Builds what is not built yet, and puts all on the node."""
    built = images.Build().wait()
    operator = previous.operator(previous.previous())
    again = recipes.same_content(f"{LLAMA_SERVER}-again", built[LLAMA_SERVER].archive)
    server = build_recipe(again)
    images.load(cluster, [*built.values(), operator, server])
    now = images.references(built)
    return Versions(
        previous=StackImages(operator.ref, now.llama_server, now.sample_model),
        current=StackImages(now.operator, server.ref, now.sample_model),
    )


def previous_values(images: StackImages) -> dict[str, str]:
    """Which values of the previous chart name its images?"""
    repository, tag = split(images.operator)
    return {
        "image.repository": repository,
        "image.tag": tag,
        "serverImages.cpu": images.llama_server,
    }
