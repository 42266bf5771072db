"""Two gateways: does anybody notice that one of them goes?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import Release
from tests.e2e.stack.stack import Stack

from .clients import Client, client
from .each_gateway import HERE, names, scale, service_of, wait_for
from .keys import replaced
from .test_rollouts import Stream, long_stream

WORKERS = 3
STREAM_SECONDS = 10.0
"""A stream outlasts what is done to its gateway, and ends within drainSeconds on a busy machine."""


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


@contextmanager
def streams_through(stack: Stack, model: str, gateways: list[str]) -> Iterator[list[Stream]]:
    """One stream through each of these gateways; all have begun."""
    tokens = tokens_that_last(stack, model, STREAM_SECONDS)
    with ExitStack() as running:
        urls = [running.enter_context(service_of(stack, name)) for name in gateways]
        yield [running.enter_context(long_stream(stack, model, url, tokens)) for url in urls]


def tokens_that_last(stack: Stack, model: str, seconds: float) -> int:
    """So many that a stream of them takes about so long, or as many as a slot has room for."""
    sample, most = 20, 900
    with long_stream(stack, model, tokens=sample) as stream:
        began = time.monotonic()
        stream.finished()
    return min(most, max(sample, int(sample * seconds / (time.monotonic() - began))))


def test_each_that_is_deleted_in_turn_ends_no_request_and_no_stream(
    stack: Stack, chat: str, clients: Client
) -> None:
    wait_for(stack, 2)
    for name in names(stack):
        with streams_through(stack, chat, [name]) as (stream,):
            stack.kubectl("delete", "pod", name, HERE, "--wait=false")
            wait_for(stack, 2, but=name)
            assert stream.is_whole()
        clients.wait_for_more()
    assert not clients.failures()


def test_one_that_is_killed_takes_along_what_it_carried_and_no_more(
    stack: Stack, chat: str, clients: Client
) -> None:
    wait_for(stack, 2)
    name = names(stack)[0]
    stack.kubectl("delete", "pod", name, HERE, "--grace-period=0", "--force")
    clients.wait_for_more(4 * WORKERS)
    assert len(clients.failures()) <= WORKERS
    wait_for(stack, 2, but=name)
    failed = len(clients.failures())
    clients.wait_for_more(4 * WORKERS)
    assert len(clients.failures()) == failed


def test_a_scale_down_cuts_no_stream(stack: Stack, chat: str, clients: Client) -> None:
    """From three to one: whichever goes, it has a stream."""
    try:
        scale(stack, 3)
        for number in (2, 1):
            before = names(stack)
            with streams_through(stack, chat, before) as streams:
                scale(stack, number)
                assert all(stream.is_whole() for stream in streams)
            clients.wait_for_more()
    finally:
        scale(stack, 2)
    clients.wait_for_more()
    assert not clients.failures()
