"""Two gateways: does anybody notice that one of them goes?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bench.stack import is_ready
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import NAMESPACE, Release
from tests.e2e.stack.stack import Stack

from .clients import Client, client
from .keys import replaced
from .test_rollouts import TOKENS, long_stream

HERE = f"--namespace={NAMESPACE}"
WORKERS = 3


@pytest.fixture(scope="module")
def two(release: Release, stack: Stack, stack_images: StackImages) -> Iterator[None]:
    """Two gateways, of which each knows the other."""
    with replaced(stack):
        release.install(stack_images, "--set=gateway.replicas=2")
    yield
    with replaced(stack):
        release.install(stack_images)


@pytest.fixture
def clients(
    two: None, stack: Stack, chat: str, elsewhere: Stack, stack_images: StackImages
) -> Iterator[Client]:
    """Clients in another namespace, who have had their first answers."""
    url = stack.status(chat)["url"]
    with client(elsewhere, stack_images.operator, url, workers=WORKERS) as asking:
        asking.wait_for_more()
        yield asking


def names(stack: Stack) -> list[str]:
    """The gateways that are ready."""
    pods = "--selector=app.kubernetes.io/component=gateway"
    found = json.loads(stack.kubectl("get", "pods", pods, HERE, "--output=json"))["items"]
    staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return [pod["metadata"]["name"] for pod in staying if is_ready(pod)]


def wait_for_two(stack: Stack, but: str = "") -> None:
    def there() -> bool:
        found = names(stack)
        return len(found) == 2 and but not in found

    wait_until(there, "two gateways", 120)


def test_each_that_is_deleted_in_turn_ends_no_request_and_no_stream(
    stack: Stack, chat: str, clients: Client
) -> None:
    wait_for_two(stack)
    for name in names(stack):
        with long_stream(stack, chat) as stream:
            stack.kubectl("delete", "pod", name, HERE, "--wait=false")
            wait_for_two(stack, but=name)
            assert stream.finished() == TOKENS
        clients.wait_for_more()
    assert not clients.failures()


def test_one_that_is_killed_takes_along_what_it_carried_and_no_more(
    stack: Stack, chat: str, clients: Client
) -> None:
    wait_for_two(stack)
    name = names(stack)[0]
    stack.kubectl("delete", "pod", name, HERE, "--grace-period=0", "--force")
    clients.wait_for_more(4 * WORKERS)
    assert len(clients.failures()) <= WORKERS
    wait_for_two(stack, but=name)
    failed = len(clients.failures())
    clients.wait_for_more(4 * WORKERS)
    assert len(clients.failures()) == failed
