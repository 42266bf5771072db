"""What do failures do to the replicas? Nothing that the load does not ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.release import GATEWAY, NAME, NAMESPACE
from tests.e2e.stack.stack import Stack

from .killing import kill, kill_leader, leader, pods
from .models import hpa_condition, listed, metric, replicas_for, sleeper
from .streams import Client, crowd, text_of
from .watching import replicas_of

HERE = f"--namespace={NAMESPACE}"
TEXT = text_of(100)
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def sleeping(stack: Stack) -> str:
    """A model that sleeps."""
    stack.apply(sleeper(stack, "asleep"))
    stack.wait("asleep", "Ready", "True", "ScaledToZero")
    return "asleep"


def test_the_leader_is_killed_under_load_and_the_standby_goes_on(
    stack: Stack, model: str, sleeping: str, bare: BareCluster, record_property: Record
) -> None:
    """The load grows while nobody leads: scaling needs the metrics, not the leader."""
    assert stack.cluster is bare, "only a process of this host can be killed"
    with two_operators(stack), replicas_of(stack, model) as replicas:
        replicas.wait_for(1)
        with crowd(stack, model, TEXT) as streams:
            streams.want(1)
            killed = kill_leader(stack, bare)
            began = time.monotonic()
            streams.want(6)
            replicas.wait_for(replicas_for(6))
            record_property("to the right replicas (s)", round(time.monotonic() - began, 1))
            wait_until(lambda: leader(stack) not in ("", killed), "another leader", 60)
            # It does what only a leader does: a sleeping model wakes.
            assert not Client.of(stack, sleeping).stream(text_of(20)).error
            streams.wait_for_end()

    assert not streams.failures()


@contextmanager
def two_operators(stack: Stack) -> Iterator[None]:
    """While it lasts, one leads and one stands by."""
    scale(stack, NAME, 2)
    try:
        yield
    finally:
        scale(stack, NAME, 1)


def scale(stack: Stack, deployment: str, replicas: int) -> None:
    stack.kubectl("scale", f"deployment/{deployment}", HERE, f"--replicas={replicas}")
    stack.kubectl("rollout", "status", f"deployment/{deployment}", HERE, "--timeout=2m")


def test_while_the_gateway_is_away_nothing_is_woken_or_put_to_sleep(
    stack: Stack, model: str, sleeping: str, bare: BareCluster
) -> None:
    """Its replicas are no longer asked anything, but nobody knows that."""
    assert stack.cluster is bare, "only a process of this host can be killed"
    stack.wait(sleeping, "Ready", "True", "ScaledToZero")
    with replicas_of(stack, model) as busy, replicas_of(stack, sleeping) as idle:
        with crowd(stack, model, TEXT) as streams:
            streams.want(4)
            busy.wait_for(replicas_for(4))
            away = time.monotonic()
            with gateway_away(stack, bare):
                streams.want(0)
                wait_until(
                    lambda: hpa_condition(stack, model, "ScalingActive")["status"] == "False",
                    "the autoscaler to hear that nothing is known",
                    60,
                )
                told = stack.wait(model, "Autoscaling", "False", "MetricsUnavailable")
                unknown = busy.since(away)
            wait_until(lambda: answered(stack, sleeping), "the metrics API to answer", 60)

        assert not unknown, "it scaled by a load that nobody knew"
        assert "slot_utilization" in told["message"], told
        assert not idle.since(away)
        assert listed(stack, sleeping)["state"] == "sleeping"
        # What is known again counts again.
        busy.wait_for(1)


@contextmanager
def gateway_away(stack: Stack, bare: BareCluster) -> Iterator[None]:
    """All of them are killed, and while it lasts no other one runs."""
    running = pods(stack, "gateway")
    stack.kubectl("scale", f"deployment/{GATEWAY}", HERE, "--replicas=0")
    for pod in running:
        kill(bare, pod)
    try:
        yield
    finally:
        scale(stack, GATEWAY, len(running))


def test_an_api_server_that_begins_anew_finds_the_replicas_as_they_were(
    stack: Stack, model: str, sleeping: str, bare: BareCluster
) -> None:
    assert stack.cluster is bare, "only the bare node's API server can be stopped"
    stack.wait(sleeping, "Ready", "True", "ScaledToZero")
    with replicas_of(stack, model) as busy, replicas_of(stack, sleeping) as idle:
        with crowd(stack, model, TEXT) as streams:
            streams.want(2)
            busy.wait_for(replicas_for(2))
            away = time.monotonic()
            with bare.apiserver_away():
                streams.wait_for_more(1)
            wait_until(lambda: answered(stack, model), "the metrics API to answer", 60)
            streams.want(4)
            busy.wait_for(replicas_for(4))
            meanwhile = busy.since(away)
            streams.wait_for_end()

        assert not streams.failures()
        assert set(meanwhile) == {str(replicas_for(4))}
        assert not idle.since(away)
        assert not Client.of(stack, sleeping).stream(text_of(20)).error


def answered(stack: Stack, name: str) -> bool:
    """Does the metrics API answer?"""
    try:
        return bool(metric(stack, name, "slot_utilization"))
    except ClusterError:
        return False
