"""Who gets a slot, who waits, and who is refused?"""

import pytest

from llmstack.routing.budget import QueueLimits
from llmstack.routing.forecast import LONGEST_RETRY
from llmstack.routing.load import ReplicaState
from llmstack.routing.messages import NO_SLOTS, WHOLE, Ending, Reason
from llmstack.routing.pool import COLD_RETRY
from llmstack.routing.turn import LEAST_PATIENCE
from tests.unit.routing.samples import Bench


def test_a_free_slot_is_granted_at_once() -> None:
    bench = Bench(1)
    grant = bench.grant(bench.ask())
    assert (grant.replica, grant.waited, grant.hit) == ("a", 0.0, 0.0)


def test_a_conversation_that_goes_on_goes_where_it_was_and_is_told_its_share() -> None:
    bench = Bench(2, 2)
    first = bench.ask(blocks=(1, 2, 3))
    bench.ask()
    grant = bench.grant(bench.ask(blocks=(1, 2, 3, 4)))
    assert (grant.replica, grant.hit) == (bench.where(first), 3 / 4)


def test_a_replica_that_was_restarted_has_nothing_cached() -> None:
    bench = Bench(1)
    bench.end(bench.ask(blocks=(1, 2, 3)))
    bench.take(bench.pool.gone("a", 0.0))
    bench.up("a", 1)
    assert bench.grant(bench.ask(blocks=(1, 2, 3))).hit == 0


def test_who_finds_all_slots_busy_waits_and_is_served_when_one_is_released() -> None:
    bench = Bench(1)
    first, second = bench.ask(), bench.ask()
    assert bench.where(second) == "waits"
    bench.now = 3.0
    bench.end(first)
    assert bench.grant(second).waited == 3.0


def test_a_replica_gets_nothing_before_a_poll_told_what_others_use_of_it() -> None:
    bench = Bench()
    bench.take(bench.pool.replica("a", 2, True, 0.0))
    first, second = bench.ask(), bench.ask()
    assert bench.where(first) == "waits"
    bench.poll("a", total=2, busy=1)
    assert (bench.where(first), bench.where(second)) == ("a", "waits")


def test_requests_spread_over_idle_replicas() -> None:
    bench = Bench(2, 2, 2)
    assert sorted(bench.where(bench.ask()) for _ in range(3)) == ["a", "b", "c"]


def test_a_lease_ends_once() -> None:
    bench = Bench(1)
    ask = bench.ask()
    bench.end(ask)
    with pytest.raises(KeyError):
        bench.end(ask)


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.FAILED])
def test_slots_of_a_cancelled_request_wait_for_a_poll_that_began_after_its_end(
    ending: Ending,
) -> None:
    bench = Bench(1)
    first, second = bench.ask(), bench.ask()
    bench.now = 5.0
    bench.end(first, ending)
    assert (bench.where(second), bench.pool.draining("a")) == ("waits", True)
    bench.poll("a", total=1, busy=0, began=4.9)
    assert bench.where(second) == "waits"
    bench.poll("a", total=1, busy=1, began=5.1)
    assert bench.where(second) == "waits"
    bench.poll("a", total=1, busy=0, began=5.2)
    assert (bench.where(second), bench.pool.draining("a")) == ("a", False)


def test_who_leaves_the_queue_gets_no_answer_and_its_place_is_free() -> None:
    bench = Bench(1, limits=QueueLimits(max_requests=1))
    first, second = bench.ask(), bench.ask()
    bench.take(bench.pool.withdraw(second, 0.0))
    third = bench.ask()
    bench.end(first)
    assert (bench.where(second), bench.where(third)) == ("waits", "a")


def test_a_request_that_takes_no_slot_is_served_beside_full_slots() -> None:
    bench = Bench(1)
    bench.ask()
    tokenise = bench.ask(slots=NO_SLOTS)
    assert bench.where(tokenise) == "a"
    bench.end(tokenise, Ending.CANCELLED)
    assert not bench.pool.draining("a")


def test_a_request_that_takes_no_slot_waits_for_a_replica() -> None:
    bench = Bench()
    tokenise = bench.ask(slots=NO_SLOTS)
    assert bench.where(tokenise) == "waits"
    bench.up("a", 1, busy=1)
    assert bench.where(tokenise) == "a"


class TestSeveralSlotsAtOnce:
    """Requests that take more than one slot."""

    def test_it_waits_until_one_replica_has_them_all(self) -> None:
        bench = Bench(2, 2)
        small = [bench.ask(), bench.ask()]
        big = bench.ask(slots=2)
        assert bench.where(big) == "waits"
        bench.end(small[0])
        assert bench.where(big) == bench.where(small[0])

    def test_a_whole_replica_has_to_be_idle(self) -> None:
        bench = Bench(3)
        small = bench.ask()
        whole = bench.ask(slots=WHOLE)
        assert bench.where(whole) == "waits"
        bench.end(small)
        assert bench.where(whole) == "a"
        assert bench.where(bench.ask()) == "waits"

    def test_more_than_the_largest_replica_has_is_refused_with_that_number(self) -> None:
        bench = Bench(2, 4)
        refusal = bench.refusal(bench.ask(slots=5))
        assert (refusal.reason, refusal.limit) == (Reason.TOO_MANY_SLOTS, 4)

    def test_as_long_as_no_replica_is_known_it_waits(self) -> None:
        bench = Bench()
        big = bench.ask(slots=5)
        assert bench.where(big) == "waits"
        bench.up("a", 2)
        assert bench.refusal(big).reason is Reason.TOO_MANY_SLOTS

    @pytest.mark.parametrize("slots", [2, WHOLE])
    def test_it_is_overtaken_a_bounded_number_of_times(self, slots: int) -> None:
        bench = Bench(2)
        running = [bench.ask(), bench.ask()]
        big = bench.ask(slots=slots)
        waiting = [bench.ask() for _ in range(50)]
        overtakers = 0
        while bench.where(big) == "waits":
            bench.end(running.pop(0))
            served = [ask for ask in waiting if bench.where(ask) == "a"]
            waiting = [ask for ask in waiting if ask not in served]
            running += served
            overtakers += len(served)
        assert overtakers == LEAST_PATIENCE

    def test_small_ones_use_the_other_replicas_while_one_is_kept(self) -> None:
        bench = Bench(2, 2)
        running = [bench.ask() for _ in range(4)]
        bench.ask(slots=WHOLE)
        for _ in range(40):
            bench.ask()
        for _ in range(LEAST_PATIENCE):
            bench.end(running.pop(0))
            running.append(bench.order[-1])
        busy = {replica.id: replica.busy for replica in bench.pool.load().replicas}
        for ask in [ask for ask in running if bench.where(ask) == "a"]:
            bench.end(ask)
        after = {replica.id: replica.busy for replica in bench.pool.load().replicas}
        assert busy == {"a": 2, "b": 2}
        assert after["b"] == 2

    def test_a_kept_replica_is_free_for_all_when_the_big_one_leaves(self) -> None:
        bench = Bench(2)
        running = [bench.ask(), bench.ask()]
        big = bench.ask(slots=2)
        waiting = [bench.ask() for _ in range(LEAST_PATIENCE + 1)]
        for _ in range(LEAST_PATIENCE):
            bench.end(running.pop(0))
            running.append(bench.order[-1])
        bench.end(running.pop(0))
        assert bench.where(waiting[-1]) == "waits"
        bench.take(bench.pool.withdraw(big, 0.0))
        assert bench.where(waiting[-1]) == "a"


class TestBudgets:
    """How long one may wait."""

    LIMITS = QueueLimits(timeout=10, cold_start_timeout=100)

    def test_with_replicas_the_time_counts_against_the_budget_for_a_slot(self) -> None:
        bench = Bench(1, limits=self.LIMITS)
        bench.ask()
        second = bench.ask()
        assert bench.pool.next_expiry() == 10
        bench.take(bench.pool.expire(9.9))
        assert bench.where(second) == "waits"
        bench.take(bench.pool.expire(10))
        refusal = bench.refusal(second)
        assert (refusal.reason, refusal.limit) == (Reason.SLOT_TIMEOUT, 10)

    def test_without_any_it_counts_against_that_for_a_cold_start(self) -> None:
        bench = Bench(limits=self.LIMITS)
        ask = bench.ask()
        assert bench.pool.next_expiry() == 100
        bench.take(bench.pool.expire(100))
        refusal = bench.refusal(ask)
        assert (refusal.reason, refusal.limit) == (Reason.NO_REPLICA, 100)

    def test_both_are_kept_apart(self) -> None:
        bench = Bench(1, limits=self.LIMITS)
        bench.ask()
        second = bench.ask()
        bench.now = 4.0
        bench.take(bench.pool.gone("a", bench.now))
        assert bench.pool.next_expiry() == 104
        bench.now = 90.0
        bench.up("a", 1, busy=1)
        assert bench.pool.next_expiry() == 96
        bench.take(bench.pool.expire(96))
        assert bench.where(second) == Reason.SLOT_TIMEOUT

    def test_a_wedged_replica_counts_as_none(self) -> None:
        bench = Bench(1, limits=self.LIMITS)
        bench.take(bench.pool.quarantine("a", True, 0.0))
        ask = bench.ask()
        bench.take(bench.pool.expire(50))
        assert bench.where(ask) == "waits"
        bench.take(bench.pool.quarantine("a", False, 50))
        assert bench.where(ask) == "a"

    def test_a_shorter_budget_holds_for_those_that_wait(self) -> None:
        bench = Bench(1, limits=self.LIMITS)
        bench.ask()
        second = bench.ask()
        bench.take(bench.pool.limits(QueueLimits(timeout=5), 6.0))
        assert bench.where(second) == Reason.SLOT_TIMEOUT

    def test_a_retry_is_proposed_after_about_the_time_that_the_queue_takes(self) -> None:
        bench = Bench(1, limits=QueueLimits(max_requests=4))
        for _ in range(40):
            ask = bench.ask()
            bench.now += 5.0
            bench.end(ask)
        asks = [bench.ask() for _ in range(6)]
        assert 15 <= bench.refusal(asks[-1]).retry_after <= 30

    def test_a_retry_is_never_proposed_at_once_nor_for_ages(self) -> None:
        quick, slow = (
            Bench(1, limits=QueueLimits(max_requests=0)),
            Bench(1, limits=QueueLimits(max_requests=0)),
        )
        for bench, seconds in ((quick, 1e-3), (slow, 1e4)):
            for _ in range(40):
                ask = bench.ask()
                bench.now += seconds
                bench.end(ask)
            bench.ask()
        assert quick.refusal(quick.ask()).retry_after == 1
        assert slow.refusal(slow.ask()).retry_after == LONGEST_RETRY


class TestReplicasComeAndGo:
    """What follows for those that wait, and for the ledger."""

    def test_one_that_accepts_no_more_keeps_its_leases_and_gets_no_new_ones(self) -> None:
        bench = Bench(2)
        first = bench.ask()
        bench.take(bench.pool.replica("a", 2, False, 0.0))
        second = bench.ask()
        assert bench.where(second) == "waits"
        load = bench.pool.load()
        assert (load.replicas[0].state, load.busy, load.ready) == (ReplicaState.DRAINING, 1, 0)
        bench.end(first)
        assert bench.where(second) == "waits"
        bench.take(bench.pool.replica("a", 2, True, 0.0))
        assert bench.where(second) == "a"

    def test_one_that_is_gone_shows_as_draining_until_its_last_lease_ends(self) -> None:
        bench = Bench(2)
        ask = bench.ask()
        bench.take(bench.pool.gone("a", 0.0))
        load = bench.pool.load()
        assert [(r.id, r.state, r.busy) for r in load.replicas] == [("a", ReplicaState.DRAINING, 1)]
        bench.end(ask, Ending.FAILED)
        assert bench.pool.load().replicas == ()

    def test_leases_from_before_a_restart_do_not_count_after_it(self) -> None:
        bench = Bench(1)
        before = bench.ask()
        bench.take(bench.pool.gone("a", 0.0))
        bench.up("a", 1)
        after = bench.ask()
        assert bench.where(after) == "a"
        bench.end(before, Ending.FAILED)
        assert bench.where(bench.ask()) == "waits"

    def test_a_draining_slot_is_forgotten_with_its_replica(self) -> None:
        bench = Bench(1)
        bench.end(bench.ask(), Ending.CANCELLED)
        second = bench.ask()
        bench.take(bench.pool.gone("a", 0.0))
        bench.up("a", 1)
        assert bench.where(second) == "a"

    def test_and_counts_no_longer_against_its_tenant(self) -> None:
        bench = Bench(1)
        bench.end(bench.ask("canceller"), Ending.CANCELLED)
        bench.now = 1.0
        first, second = bench.ask("canceller"), bench.ask("other")
        bench.take(bench.pool.gone("a", 1.0))
        bench.up("a", 1)
        assert (bench.where(first), bench.where(second)) == ("a", "waits")

    def test_restarted_with_fewer_slots_it_gets_fewer_requests(self) -> None:
        bench = Bench(4)
        bench.take(bench.pool.gone("a", 0.0))
        bench.up("a", 1)
        assert [bench.where(bench.ask()) for _ in range(2)] == ["a", "waits"]

    def test_leases_beyond_the_slots_that_are_left_stay_counted(self) -> None:
        bench = Bench(4)
        asks = [bench.ask() for _ in range(4)]
        bench.poll("a", total=2, busy=2)
        assert bench.pool.load().overlap == 2
        waiting = bench.ask()
        for ask in asks[:2]:
            bench.end(ask)
        assert bench.where(waiting) == "waits"
        bench.end(asks[2])
        assert bench.where(waiting) == "a"

    def test_a_closed_model_refuses_all_that_wait_and_takes_its_leases_back(self) -> None:
        bench = Bench(1)
        first, second = bench.ask(), bench.ask()
        bench.take(bench.pool.close(Reason.MODEL_GONE, 0.0))
        assert bench.where(second) == Reason.MODEL_GONE
        bench.end(first)


class TestFailover:
    """Requests that a replica has failed already."""

    def test_it_goes_to_another_replica(self) -> None:
        bench = Bench(2, 1)
        assert bench.where(bench.ask(avoid=frozenset("a"))) == "b"
        assert bench.where(bench.ask(avoid=frozenset("a"))) == "waits"

    def test_where_all_have_failed_it_it_is_refused_at_once(self) -> None:
        bench = Bench(1, 1)
        refusal = bench.refusal(bench.ask(avoid=frozenset("ab")))
        assert (refusal.reason, refusal.limit) == (Reason.NO_REPLICA, 0)

    def test_one_that_was_restarted_is_another_one(self) -> None:
        bench = Bench(1, 1)
        bench.ask(), bench.ask()
        again = bench.ask(avoid=frozenset("a"))
        bench.take(bench.pool.gone("a", 0.0))
        bench.up("a", 1)
        assert bench.where(again) == "a"

    def test_while_there_is_none_it_waits_for_any(self) -> None:
        bench = Bench()
        again = bench.ask(avoid=frozenset("a"))
        bench.up("a", 1)
        assert bench.where(again) == "a"

    def test_it_keeps_its_turn_and_a_full_queue_does_not_refuse_it(self) -> None:
        bench = Bench(1, 1, limits=QueueLimits(max_requests=1))
        first, _ = bench.ask(), bench.ask()
        bench.now = 1.0
        newer = bench.ask()
        failed = "b" if bench.where(first) == "a" else "a"
        again = bench.ask(avoid=frozenset(failed), arrived=0.5)
        bench.end(first)
        assert (bench.where(again), bench.where(newer)) == (bench.where(first), "waits")


def test_each_request_is_counted_once_whatever_becomes_of_it() -> None:
    bench = Bench(1, 1, limits=QueueLimits(max_requests=0))
    _, _, refused = bench.ask(), bench.ask(), bench.ask()
    assert bench.refusal(refused).reason is Reason.QUEUE_FULL
    bench.ask(avoid=frozenset({"a"}))  # One of them again, which a replica has failed.
    assert bench.pool.load().requests == 3


def test_without_a_replica_and_with_a_queue_of_none_a_request_is_refused_and_counted() -> None:
    bench = Bench(limits=QueueLimits(max_requests=0))
    refusal = bench.refusal(bench.ask())
    assert (refusal.reason, refusal.retry_after) == (Reason.QUEUE_FULL, COLD_RETRY)
    assert bench.pool.load().requests == 1


class TestArraysOfPrompts:
    """One that is longer than any replica has slots takes a whole one."""

    def test_it_takes_a_whole_replica_and_waits_for_that(self) -> None:
        bench = Bench(2)
        first = bench.ask()
        array = bench.ask(slots=5, divisible=True)
        assert bench.where(array) == "waits"
        bench.end(first)
        other = bench.ask(tenant="other")
        assert (bench.where(array), bench.where(other)) == ("a", "waits")
        bench.end(array)
        assert bench.where(other) == "a"

    def test_one_that_fits_takes_what_it_wants(self) -> None:
        bench = Bench(4)
        array, other = bench.ask(slots=3, divisible=True), bench.ask()
        assert (bench.where(array), bench.where(other)) == ("a", "a")

    def test_what_cannot_be_divided_is_refused(self) -> None:
        bench = Bench(2)
        assert bench.where(bench.ask(slots=3)) == Reason.TOO_MANY_SLOTS

    def test_it_may_come_before_the_replicas(self) -> None:
        bench = Bench()
        array = bench.ask(slots=5, divisible=True)
        bench.up("a", 2)
        assert bench.where(array) == "a"

    def test_a_larger_replica_goes_while_it_waits(self) -> None:
        bench = Bench(8, 2)
        busy = [bench.ask() for _ in range(10)]
        array = bench.ask(slots=5, divisible=True)
        bench.take(bench.pool.gone("a", 0.0))
        for ask in busy:
            if bench.where(ask) == "b":
                bench.end(ask)
        assert bench.where(array) == "b"
