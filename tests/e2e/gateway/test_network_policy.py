"""Who reaches a replica, and whom does it reach, where NetworkPolicies are enforced?

On the node kube-router does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import NAMESPACE, Release
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
GATEWAY_METRICS = (f"llm-stack-gateway-admin.{NAMESPACE}", 9090)
OPERATOR_METRICS = (f"llm-stack.{NAMESPACE}", 8080)


class Outsider:
    """A pod that is not the gateway's."""

    def __init__(self, home: Stack, name: str) -> None:
        self._home = home
        self._name = name

    def connect(self, host: str, port: int) -> str:
        """How does a connection to there end? In words."""
        command = ("python3", "-c", CONNECT, host, str(port))
        return self._home.kubectl("exec", self._name, "--", *command).strip()

    def wait_until(self, host: str, port: int, ends: str) -> None:
        """Until a connection to there ends like this: an enforcer takes a moment."""
        what = f"{host}:{port} to be {ends}"
        wait_until(lambda: self.connect(host, port) == ends, what, seconds=30)


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
        outsider.wait_until(address, 8080, REFUSED)
    assert outsider.connect(GATEWAY, 80) == OPEN
    with stack.gateway() as gateway:
        body = {"model": stack.full_name(chat), "prompt": "The sea", "max_tokens": 4}
        assert gateway.post("/v1/completions", json=body).is_success


def curl(stack: Stack, pod: str, url: str) -> int:
    """curl's exit status in a replica: 0 where anything answered."""
    asked = f"curl --silent --insecure --output /dev/null --max-time 5 {url}; echo $?"
    container = "--container=llama-server"
    return int(stack.kubectl("exec", pod, container, "--", "sh", "-c", asked))


def test_a_replica_reaches_its_models_source_and_not_the_api_server(
    stack: Stack, chat: str
) -> None:
    """It has come from there under the same policy; what else could be reached answers nothing."""
    pod = stack.pods(chat)[0]["metadata"]["name"]

    assert curl(stack, pod, stack.model_url) == 0
    api = "https://kubernetes.default.svc"
    wait_until(lambda: curl(stack, pod, api) != 0, f"no way to {api}", seconds=30)


@contextmanager
def readers(release: Release, images: StackImages, team: str) -> Iterator[None]:
    """Only pods in namespaces of this team may read metrics."""
    selector = "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels"
    release.install(images, f"--set={selector}.team={team}")
    try:
        yield
    finally:
        release.install(images)


@pytest.mark.parametrize("outsider", ["another one"], indirect=True)
def test_metrics_are_read_by_whom_the_chart_names(
    release: Release, stack_images: StackImages, elsewhere: Stack, outsider: Outsider
) -> None:
    for host, port in (GATEWAY_METRICS, OPERATOR_METRICS):
        outsider.wait_until(host, port, OPEN)

    with readers(release, stack_images, "watchers"):
        for host, port in (GATEWAY_METRICS, OPERATOR_METRICS):
            outsider.wait_until(host, port, REFUSED)
        assert outsider.connect(GATEWAY, 80) == OPEN
        assert follows_the_load(elsewhere) == OPEN
        release.test()

        label = ("label", "namespace", elsewhere.namespace, "team=watchers")
        elsewhere.cluster.kubectl(*label)
        for host, port in (GATEWAY_METRICS, OPERATOR_METRICS):
            outsider.wait_until(host, port, OPEN)


def follows_the_load(stack: Stack) -> str:
    """How does a new connection of the operator to the gateway's /load end?"""
    command = ("python3", "-c", CONNECT, GATEWAY_METRICS[0], str(GATEWAY_METRICS[1]))
    asked = ("exec", "deployment/llm-stack", f"--namespace={NAMESPACE}", "--", *command)
    return stack.cluster.kubectl(*asked).strip()
