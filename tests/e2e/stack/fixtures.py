"""The stack for pytest, installed once on the cluster of the run.

    release   session  the chart, installed by helm; the sample model is served in the cluster
    stack     test     a Stack in a namespace of its own

All namespaces enforce the restricted standard. conftest.py imports the fixtures; `cluster` is its
own.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.cluster.provider import Provider
from tests.e2e.images import Image

from . import images, source
from .release import NAMESPACE, Release
from .stack import Stack

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def stack_images(cluster: Provider) -> images.StackImages:
    """The images of this checkout, on the node."""
    built = all_images()
    images.load(cluster, built.values())
    return images.references(built)


def all_images() -> dict[str, Image]:
    """The images of this checkout, by name; built where they are not yet."""
    return images.Build().wait()


@pytest.fixture(scope="session")
def release(cluster: Provider, stack_images: images.StackImages) -> Release:
    """The chart, installed and ready, and the sample model behind source.URL."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
    installed = Release(cluster)
    installed.install(stack_images)
    source.serve(cluster, stack_images)
    return installed


@pytest.fixture
def stack(cluster: Provider, release: Release, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The installed stack, seen from a namespace of this test's own."""
    with own_namespace(cluster, request.node.name) as found:
        yield found


@contextmanager
def own_namespace(cluster: Provider, words: str) -> Iterator[Stack]:
    """The installed stack, seen from a new namespace named after `words`."""
    readable = re.sub(r"[^a-z0-9]+", "-", words.lower())[:40].strip("-")
    namespace = f"{readable}-{uuid.uuid4().hex[:6]}"
    cluster.kubectl("create", "namespace", namespace)
    try:
        cluster.kubectl("label", "namespace", namespace, RESTRICTED)
        yield Stack(cluster, namespace, source.URL)
    finally:
        # Not waited for: pods may drain while the next test works elsewhere.
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")
