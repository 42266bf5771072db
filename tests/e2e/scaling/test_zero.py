"""Does a model sleep when nobody asks, and does the first request wake it?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.stack import Stack

from .conftest import SOAK
from .models import hpa_condition, listed, metric, sleeper
from .streams import Answer, Client, crowd, text_of
from .watching import Watch, pods_of, replicas_of

CYCLES = 20 if SOAK else 1
SHORT = text_of(40)
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def name(stack: Stack) -> str:
    """A model with four slots that may sleep; it has just been created."""
    stack.apply(sleeper(stack, "sleeper"))
    return "sleeper"


def test_it_starts_once_and_sleeps_when_nobody_asks(stack: Stack, name: str) -> None:
    with replicas_of(stack, name) as replicas:
        stack.wait(name)
        replicas.wait_for(0)

        assert [count for _, count in replicas.counts()] == [1, 0]
    asleep(stack, name)
    assert metric(stack, name, "slot_utilization") == "0"


def asleep(stack: Stack, name: str) -> None:
    """Until it sleeps and all that can be asked say so."""
    stack.wait(name, "Ready", "True", "ScaledToZero")
    wait_until(lambda: not stack.pods(name), "no pod", 60)
    wait_until(lambda: listed(stack, name)["state"] == "sleeping", "the gateway to know", 30)


@pytest.mark.soak
def test_the_first_request_wakes_it_again_and_again(
    stack: Stack, name: str, record_property: Record
) -> None:
    client = Client.of(stack, name)
    wakes = []
    for _ in range(CYCLES):
        asleep(stack, name)
        with pods_of(stack, name) as pods, replicas_of(stack, name) as replicas:
            answer = client.stream(SHORT)
            assert not answer.error, answer.error
            wakes.append(moments(answer, pods))
            replicas.wait_for(0)
            assert [count for _, count in replicas.counts()] == [0, 1, 0]

    record_property("cycles", len(wakes))
    for what, *times in zip(("pod object", "ready", "first token"), *wakes, strict=True):
        shown = ", ".join(f"{seconds:.2f}" for seconds in sorted(times))
        record_property(f"first request to {what} (s)", shown)


def moments(answer: Answer, pods: Watch) -> tuple[float, float, float]:
    """Seconds from the request to the pod object, to the ready replica, and to the first token."""
    wait_until(lambda: any(line.endswith(" True") for _, line in pods.lines), "a ready pod", 10)
    made = pods.lines[0][0]
    ready = next(when for when, line in pods.lines if line.endswith(" True"))
    return made - answer.began, ready - answer.began, answer.first - answer.began


def test_a_stream_that_waits_long_hears_comments_until_its_answer(stack: Stack, name: str) -> None:
    """The node takes no new pod until the client has heard one."""
    asleep(stack, name)
    client = Client.of(stack, name)
    with ThreadPoolExecutor(1) as pool:
        with no_new_pods(stack):
            began = time.monotonic()
            waiting = pool.submit(client.stream, SHORT)
            wait_until(lambda: client.comments > 0, "a comment", 30)
            assert time.monotonic() - began >= 10
        answer = waiting.result(timeout=120)

    assert not answer.error, answer.error


@contextmanager
def no_new_pods(stack: Stack) -> Iterator[None]:
    """While it lasts, the scheduler places none."""
    nodes = stack.kubectl("get", "nodes", "--output=name").split()
    stack.kubectl("cordon", *nodes)
    try:
        yield
    finally:
        stack.kubectl("uncordon", *nodes)


def test_kubectl_get_hpa_shows_the_slots_in_use_and_the_target(
    stack: Stack, name: str, long_text: str
) -> None:
    """Three of its four slots are in use."""
    with crowd(stack, name, long_text) as streams:
        streams.want(3)
        wait_until(lambda: metric(stack, name, "slots_busy") == "3", "all of them to run", 60)
        wait_until(lambda: "750m/800m (avg)" in hpa(stack, name), "its load in `get hpa`", 60)
        values = [metric(stack, name, "slot_utilization", of) for of in ("v1beta2", "v1beta1")]
        counts = [metric(stack, name, f"slots_{which}") for which in ("busy", "waiting", "total")]
        following = hpa_condition(stack, name, "ScalingActive")
        streams.wait_for_end()

    assert values == ["750m", "750m"]
    assert counts == ["3", "0", "4"]
    assert following["status"] == "True"
    assert not streams.failures()


def hpa(stack: Stack, name: str) -> str:
    """Its row."""
    return stack.kubectl("get", "hpa", name)
