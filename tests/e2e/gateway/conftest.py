"""What the gateway's tests share: a chat model with two replicas, and a namespace for clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.fixtures import own_namespace
from tests.e2e.stack.release import NAMESPACE, Release
from tests.e2e.stack.stack import Stack

ALIAS = "gpt-4o-mini"
SLOTS = 2


@pytest.fixture(scope="package")
def stack(cluster: Provider, release: Release) -> Iterator[Stack]:
    """One namespace for all of them, so that they can share a running model."""
    with own_namespace(cluster, "gateway") as found:
        yield found


@pytest.fixture(scope="package")
def elsewhere(cluster: Provider, release: Release) -> Iterator[Stack]:
    """A namespace without any model, where clients are."""
    with own_namespace(cluster, "clients") as found:
        yield found


def chat_model(stack: Stack, **spec: Any) -> dict[str, Any]:
    """The LLMDeployment `chat`, with fields of its spec replaced."""
    model = {"source": stack.model_url, "aliases": [ALIAS]}
    usual: dict[str, Any] = {"model": model, "slots": SLOTS, "contextLength": 1024, "replicas": 2}
    return stack.sample("chat", **{**usual, **spec})


@pytest.fixture(scope="package")
def running_chat(stack: Stack) -> str:
    stack.apply(chat_model(stack))
    return "chat"


@pytest.fixture
def chat(stack: Stack, running_chat: str) -> str:
    """The name of a model whose two replicas answer, whatever the test before did to them."""
    stack.wait_for(running_chat, lambda _: replicas(stack) == "2/2", "two replicas", seconds=240)
    return running_chat


def replicas(stack: Stack) -> str:
    """Ready and desired replicas of `chat`."""
    return str(stack.status("chat").get("replicaSummary"))


def gateways(stack: Stack) -> set[str]:
    """The UIDs of the gateway's pods, those included that still finish their work."""
    pods = "--selector=app.kubernetes.io/component=gateway"
    asked = ("get", "pods", pods, f"--namespace={NAMESPACE}", "--output=json")
    return {pod["metadata"]["uid"] for pod in json.loads(stack.kubectl(*asked))["items"]}
