"""Who reaches a replica where NetworkPolicies are enforced? On the node: kube-router does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import NAMESPACE
from tests.e2e.stack.stack import Stack

from .clients import client

OPEN, REFUSED = "open", "refused"
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
    print("open")
except OSError as error:
    print("refused" if isinstance(error, ConnectionRefusedError) else error)
"""
GATEWAY = f"llm-stack-gateway.{NAMESPACE}"


class Outsider:
    """A pod that is not the gateway's."""

    def __init__(self, home: Stack, name: str) -> None:
        self._home = home
        self._name = name

    def connect(self, host: str, port: int) -> str:
        """How does a connection to there end? In words."""
        command = ("python3", "-c", CONNECT, host, str(port))
        return self._home.kubectl("exec", self._name, "--", *command).strip()


@pytest.fixture(params=["the model's namespace", "another one"])
def outsider(
    request: pytest.FixtureRequest,
    stack: Stack,
    elsewhere: Stack,
    chat: str,
    stack_images: StackImages,
) -> Iterator[Outsider]:
    home = elsewhere if request.param == "another one" else stack
    url = stack.status(chat)["url"]
    with client(home, stack_images.operator, url, workers=1, pause=1) as asking:
        asking.wait_for_more(1)
        yield Outsider(home, "client")


def test_the_gateway_alone_reaches_a_replica(stack: Stack, chat: str, outsider: Outsider) -> None:
    replicas = [pod["status"]["podIP"] for pod in stack.pods(chat)]

    for address in replicas:
        wait_until(
            lambda address=address: outsider.connect(address, 8080) == REFUSED,  # type: ignore[misc]
            "the connection was refused",
            seconds=30,
        )
    assert outsider.connect(GATEWAY, 80) == OPEN
    with stack.gateway() as gateway:
        body = {"model": stack.full_name(chat), "prompt": "The sea", "max_tokens": 4}
        assert gateway.post("/v1/completions", json=body).is_success
