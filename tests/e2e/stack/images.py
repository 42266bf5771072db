"""Which images does a cluster run, and how do they get there?

A cluster of our own gets images that were built here. Into an existing one nothing can be loaded:
its nodes pull, so the user pushes the images and names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.e2e import images as builder
from tests.e2e.cluster.provider import Provider

from .errors import StackError

OPERATOR, LLAMA_SERVER, SAMPLE_MODEL = "operator", "llama-server", "sample-model"
VARIABLES = {
    OPERATOR: "OPERATOR_IMAGE",
    LLAMA_SERVER: "LLAMA_SERVER_IMAGE",
    SAMPLE_MODEL: "SAMPLE_MODEL_IMAGE",
}


@dataclass(frozen=True)
class StackImages:
    """References, as pods name them. `sample_model` is "" where none is to be had."""

    operator: str
    llama_server: str
    sample_model: str


class Build:
    """All images, being built beside whatever else goes on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
        # The longest first: the cluster's own programs are built at the same time.
        names = (LLAMA_SERVER, OPERATOR, SAMPLE_MODEL)
        self._built: dict[str, Future[builder.Image]] = {
            name: self._pool.submit(builder.build, name) for name in names
        }

    def wait(self) -> dict[str, builder.Image]:
        """All of them, by name. Raises what the first failed build raised."""
        return {name: future.result() for name, future in self._built.items()}

    def cancel(self) -> None:
        """Starts no further build; one that runs goes on."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def references(built: Mapping[str, builder.Image]) -> StackImages:
    """How do pods name the images that were built here?"""
    return StackImages(built[OPERATOR].ref, built[LLAMA_SERVER].ref, built[SAMPLE_MODEL].ref)


def load(cluster: Provider, built: Iterable[builder.Image]) -> int:
    """Puts on the cluster's nodes what they do not have yet. How many were that?"""
    missing = [image for image in built if image.ref not in on_nodes(cluster)]
    for image in missing:
        cluster.load_image(image.ref, image.archive)
    return len(missing)


def on_nodes(cluster: Provider) -> set[str]:
    """Which images do all nodes report? A node reports a new one some seconds late."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    names = [
        {name for image in node["status"].get("images", ()) for name in image["names"]}
        for node in nodes
    ]
    return set.intersection(*names) if names else set()


def named(environment: Mapping[str, str]) -> StackImages:
    """Which images did the user push for an existing cluster?"""
    given = {name: environment.get(variable, "") for name, variable in VARIABLES.items()}
    missing = [VARIABLES[name] for name in (OPERATOR, LLAMA_SERVER) if not given[name]]
    if missing:
        raise StackError(
            f"{' and '.join(missing)} must name images that the cluster's nodes can pull. "
            "`make images` builds them; push them to a registry of yours."
        )
    return StackImages(given[OPERATOR], given[LLAMA_SERVER], given[SAMPLE_MODEL])
