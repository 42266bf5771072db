"""Two operators, one Lease: never do both write, and nobody writes while nothing happens.

What happens to the leader: it is killed, it is stopped and goes on later, the API server goes away,
it is told to end. Proof is the API server's audit log, in which each process has a name of its own.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.audit import AuditLog, assert_one_writer_at_a_time
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, Process, installed
from tests.support.numbered import numbered

SOAK = os.environ.get("LLMSTACK_SOAK") == "1"
OUTAGE_SECONDS = 60 if SOAK else 6
QUIET_SECONDS = 600 if SOAK else 20
ROUNDS = 10 if SOAK else 1

pytestmark = pytest.mark.soak


@pytest.fixture
def stack(crd: ApiServer, tmp_path: Path) -> Iterator[Installation]:
    with installed(crd, numbered("lease"), tmp_path) as installation:
        yield installation


@contextmanager
def unrest(space: Namespace) -> Iterator[None]:
    """Meanwhile somebody undoes the operator's work again and again, so it never stops writing."""
    over = threading.Event()

    def undo() -> None:
        while not over.wait(0.05):
            try:
                space.kubectl("label", "service", "qwen-replicas", "llmstack.dev/deployment-")
            except AssertionError:
                over.wait(0.5)  # the API server is away

    thread = threading.Thread(target=undo)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def pair(stack: Installation, space: Namespace) -> tuple[Process, Process]:
    """A leader that has made the children, and one that stands by."""
    leader = stack.start("a").wait_until("leading")
    space.apply()
    space.wait_for_children()
    return leader, stack.start("b").wait_until("standing by")


def wrote(log: AuditLog, holder: str) -> None:
    wait_until(lambda: bool(log.changes(holder)), f"{holder} to write", 60)


def test_a_leader_that_is_killed(stack: Installation) -> None:
    log, space = AuditLog(stack.server.audit_log), Namespace(stack.server, stack.namespace)
    leader, follower = pair(stack, space)
    with unrest(space):
        for number in range(ROUNDS):
            leader.send(signal.SIGKILL)
            follower.wait_until("leading")
            log_of_new = AuditLog(stack.server.audit_log)
            wrote(log_of_new, stack.holder())
            leader, follower = follower, stack.start(f"c{number}").wait_until("standing by")
    assert_one_writer_at_a_time(log.writes())
    assert stack.lease()["spec"]["leaseTransitions"] == ROUNDS


def test_a_leader_that_is_stopped_in_the_middle_and_goes_on_later(stack: Installation) -> None:
    log, space = AuditLog(stack.server.audit_log), Namespace(stack.server, stack.namespace)
    leader, follower = pair(stack, space)
    with unrest(space):
        for number in range(ROUNDS):
            before = stack.holder()
            leader.send(signal.SIGSTOP)
            follower.wait_until("leading")
            wrote(log, stack.holder())
            leader.send(signal.SIGCONT)
            assert leader.wait() == 1, "it ends by itself"
            assert stack.holder() != before
            leader, follower = follower, stack.start(f"c{number}").wait_until("standing by")
    assert_one_writer_at_a_time(log.writes())


def test_the_api_server_goes_away(stack: Installation) -> None:
    log, space = AuditLog(stack.server.audit_log), Namespace(stack.server, stack.namespace)
    leader, follower = pair(stack, space)
    with unrest(space):
        with stack.server.away():
            assert leader.wait() == 1, "it ends before its Lease does"
            time.sleep(OUTAGE_SECONDS)  # the length of the outage is what is tested
            assert follower.ready_as() == "" or OUTAGE_SECONDS < 30
            assert follower.running, "a follower waits for as long as it takes"
            assert follower.probe("/healthz").text == "ok", "a restart would not help it"
        returned = stack.start("c")
        wait_until(lambda: "leading" in (follower.ready_as(), returned.ready_as()), "a leader", 60)
        wrote(AuditLog(stack.server.audit_log), "")
    assert_one_writer_at_a_time(log.writes())


def test_a_leader_that_is_told_to_end_hands_over_at_once(stack: Installation) -> None:
    log, space = AuditLog(stack.server.audit_log), Namespace(stack.server, stack.namespace)
    leader, follower = pair(stack, space)
    with unrest(space):
        leader.send(signal.SIGTERM)
        assert leader.wait() == 0
        assert not stack.holder().startswith("a_"), "it was released, not left to run out"
        follower.wait_until("leading")
        wrote(log, "b_")
    assert_one_writer_at_a_time(log.writes())


def test_a_follower_that_is_told_to_end_leaves_the_leader_alone(stack: Installation) -> None:
    leader, follower = pair(stack, Namespace(stack.server, stack.namespace))
    holder = stack.holder()
    follower.send(signal.SIGTERM)
    assert follower.wait() == 0
    assert (stack.holder(), leader.ready_as()) == (holder, "leading")


def test_in_quiet_minutes_only_the_lease_is_written(stack: Installation) -> None:
    space = Namespace(stack.server, stack.namespace)
    pair(stack, space)
    log = AuditLog(stack.server.audit_log)
    wait_until(lambda: _quiet_for(log, 2.0), "the first passes to end", 30)
    log.forget()
    time.sleep(QUIET_SECONDS)  # that nothing happens for so long is what is tested
    assert [write for write in log.writes() if not write.is_lease] == []
    holders = {write.holder for write in log.writes()}
    assert holders == {stack.holder()}, "and only by the one that holds it"


def test_nothing_of_kopf_is_left_on_the_resource(stack: Installation) -> None:
    space = Namespace(stack.server, stack.namespace)
    pair(stack, space)
    metadata = space.need("llmd", "qwen")["metadata"]
    assert "finalizers" not in metadata
    applied_by_the_test = {"kubectl.kubernetes.io/last-applied-configuration"}
    assert set(metadata.get("annotations", {})) <= applied_by_the_test


def _quiet_for(log: AuditLog, seconds: float) -> bool:
    before = len(log.changes())
    time.sleep(seconds)  # a span without writes is the condition itself
    return len(log.changes()) == before
