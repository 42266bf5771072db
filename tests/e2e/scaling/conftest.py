"""What these tests share: one namespace, a model that scales between one and more, and its text."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.fixtures import own_namespace
from tests.e2e.stack.release import Release
from tests.e2e.stack.stack import Stack

from .models import busy
from .streams import Client, text_that_lasts

SOAK = os.environ.get("LLMSTACK_SOAK") == "1"
STREAM_SECONDS = 20.0
"""How long is the shortest stream?"""


@pytest.fixture(scope="package")
def stack(cluster: Provider, release: Release) -> Iterator[Stack]:
    """One namespace for all of them, so that they can share a running model and its cache."""
    with own_namespace(cluster, "scaling") as found:
        yield found


@pytest.fixture(scope="package")
def running(stack: Stack) -> str:
    stack.apply(busy(stack, "busy"))
    return "busy"


@pytest.fixture
def model(stack: Stack, running: str) -> str:
    """The name of a model that is Ready, and whose replicas follow its load."""
    stack.wait(running)
    stack.wait(running, "Autoscaling")
    return running


@pytest.fixture(scope="package")
def long_text(stack: Stack, running: str) -> str:
    """So long that a stream of it takes STREAM_SECONDS."""
    stack.wait(running)
    return text_that_lasts(Client.of(stack, running), STREAM_SECONDS)
