"""When is a slot given out again?"""

import itertools
from collections import Counter

import pytest

from llmstack.routing.messages import Ending
from llmstack.routing.slots import (
    ASSUME_POLLS,
    BEGUN_AFTER,
    SETTLED_AFTER,
    Correction,
    Lease,
    Ledger,
    SlotsSeen,
)

SOON = SETTLED_AFTER
LONG_AGO = -10 * BEGUN_AFTER


class Slots:
    """A ledger, spoken to in one line each."""

    def __init__(self, total: int) -> None:
        self.corrections: Counter[Correction] = Counter()
        self.ledger = Ledger("a", total, self.corrections)
        self.ids = itertools.count()
        self.poll(LONG_AGO, 0)

    def grant(self, at: float = 0.0, slots: int = 1, begun: float | None = None) -> Lease:
        lease = Lease(next(self.ids), "t", slots, at, self.ledger)
        if begun is not None:
            lease.begun = begun
        self.ledger.take(lease)
        return lease

    def cancel(self, lease: Lease, at: float) -> None:
        self.ledger.end(lease, Ending.CANCELLED, at)

    def done(self, lease: Lease, at: float) -> None:
        self.ledger.end(lease, Ending.DONE, at)

    def poll(self, began: float, busy: int, total: int | None = None) -> int:
        """What is free after it."""
        seen = SlotsSeen(began, self.ledger.total if total is None else total, busy)
        self.ledger.seen(seen)
        return self.ledger.free


def test_a_slot_whose_answer_came_whole_is_free_at_once() -> None:
    slots = Slots(2)
    lease = slots.grant()
    assert slots.ledger.free == 1
    slots.done(lease, 1)
    assert slots.ledger.free == 2


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.FAILED])
def test_one_whose_request_broke_is_in_doubt(ending: Ending) -> None:
    slots = Slots(2)
    slots.ledger.end(slots.grant(), ending, 1)
    assert (slots.ledger.free, slots.ledger.draining, slots.ledger.busy) == (1, 1, 0)


class TestNoDoubtLeft:
    """Rule 1."""

    def test_no_slot_is_busy(self) -> None:
        slots = Slots(2)
        slots.cancel(slots.grant(), 1)
        assert slots.poll(1.1, busy=0) == 2

    def test_fewer_are_busy_than_drain(self) -> None:
        slots = Slots(4)
        for lease in [slots.grant() for _ in range(3)]:
            slots.cancel(lease, 1)
        assert slots.poll(1.1, busy=1) == 3

    def test_of_a_request_with_several_slots_some_are_idle(self) -> None:
        slots = Slots(4)
        slots.cancel(slots.grant(slots=3), 1)
        assert slots.poll(1.1, busy=2) == 2
        assert slots.ledger.draining == 2

    def test_a_poll_that_began_before_the_end_tells_nothing(self) -> None:
        slots = Slots(2)
        slots.cancel(slots.grant(), 1)
        assert slots.poll(0.9, busy=0) == 1
        assert slots.poll(1.0, busy=0) == 1


class TestLiveLeasesAccountForAll:
    """Rule 2. Two slots; one request goes on, the other was cancelled."""

    def test_one_that_has_begun_and_lives_on_is_the_one_that_is_busy(self) -> None:
        slots = Slots(2)
        slots.grant(begun=0.5)
        slots.cancel(slots.grant(begun=0.5), 1)
        assert slots.poll(1.1, busy=1) == 0
        assert slots.poll(1.1 + SOON, busy=1) == 1

    def test_while_both_are_busy_nothing_is_free(self) -> None:
        slots = Slots(2)
        slots.grant(begun=0.5)
        slots.cancel(slots.grant(begun=0.5), 1)
        assert [slots.poll(1.1 + n, busy=2) for n in range(100)] == [0] * 100

    def test_one_that_ends_just_after_the_poll_may_have_been_the_idle_one(self) -> None:
        slots = Slots(2)
        ends = slots.grant(begun=0.5)
        slots.cancel(slots.grant(begun=0.5), 1)
        slots.poll(1.1, busy=1)
        slots.done(ends, 1.11)
        assert slots.ledger.free == 1
        assert slots.poll(1.1 + SOON, busy=1) == 1

    def test_one_that_was_just_granted_may_be_the_idle_one(self) -> None:
        slots = Slots(2)
        slots.cancel(slots.grant(begun=0.5), 1)
        slots.grant(at=1.05)
        slots.poll(1.1, busy=1)
        assert slots.poll(1.1 + SOON, busy=1) == 0

    def test_one_that_was_granted_long_before_has_begun_though_silent(self) -> None:
        slots = Slots(2)
        slots.cancel(slots.grant(begun=0.5), 1)
        slots.grant(at=1.05)
        slots.poll(1.06 + BEGUN_AFTER, busy=1)
        assert slots.poll(1.1 + BEGUN_AFTER + SOON, busy=1) == 1

    def test_a_second_poll_on_the_heels_of_the_first_judges_nothing_yet(self) -> None:
        slots = Slots(2)
        slots.grant(begun=0.5)
        slots.cancel(slots.grant(begun=0.5), 1)
        slots.poll(1.1, busy=1)
        assert slots.poll(1.1 + SOON / 4, busy=1) == 0
        assert slots.poll(1.1 + SOON, busy=1) == 1

    def test_a_request_cancelled_between_both_polls_stays_in_doubt(self) -> None:
        slots = Slots(3)
        slots.grant(begun=0.5)
        second = slots.grant(begun=0.5)
        slots.cancel(slots.grant(begun=0.5), 1)
        slots.poll(1.1, busy=2)
        slots.cancel(second, 1.11)
        assert slots.poll(1.1 + SOON, busy=2) == 0
        assert slots.poll(1.2 + SOON, busy=1) == 1
        assert slots.poll(1.3 + SOON, busy=1) == 2


class TestNeverForEver:
    """Rule 3: short requests, none of which lives for two polls."""

    def polls(self, number: int, busy: int) -> "tuple[Slots, list[int]]":
        slots = Slots(2)
        slots.cancel(slots.grant(), 1)
        free, lease = [], slots.grant(1)
        for n in range(number):
            free.append(slots.poll(2 + n, busy))
            slots.done(lease, 2.5 + n)
            lease = slots.grant(2.5 + n)
        return slots, free

    def test_the_slot_is_assumed_idle_in_the_end_and_that_is_counted(self) -> None:
        slots, free = self.polls(ASSUME_POLLS, busy=1)
        assert free == [0] * (ASSUME_POLLS - 1) + [1]
        assert slots.corrections[Correction.ASSUMED] == 1

    def test_not_as_long_as_polls_show_more_than_the_live_ones(self) -> None:
        slots, free = self.polls(5 * ASSUME_POLLS, busy=2)
        assert set(free) == {0}
        assert slots.corrections[Correction.ASSUMED] == 0


class TestOthers:
    """Slots that someone else uses."""

    def test_what_no_lease_accounts_for_is_not_given_out_until_it_is_idle(self) -> None:
        slots = Slots(4)
        assert slots.poll(1, busy=2) == 2
        assert slots.poll(2, busy=2) == 2
        assert slots.poll(3, busy=0) == 4
        assert slots.corrections[Correction.FOREIGN] == 2

    def test_beside_live_leases(self) -> None:
        slots = Slots(4)
        slots.grant(at=0, begun=0.1)
        assert slots.poll(1, busy=3) == 1
        assert slots.poll(2, busy=1) == 2
        assert slots.poll(3, busy=1) == 3

    def test_a_lease_that_ended_after_the_poll_began_is_not_someone_elses(self) -> None:
        slots = Slots(2)
        slots.done(slots.grant(), 1)
        assert slots.poll(0.9, busy=1) == 2
        assert slots.corrections[Correction.FOREIGN] == 0
        assert slots.poll(1.1, busy=1) == 1

    def test_nor_is_one_that_drains(self) -> None:
        slots = Slots(2)
        slots.cancel(slots.grant(), 1)
        assert slots.poll(2, busy=1) == 1
        assert slots.corrections[Correction.FOREIGN] == 0


class TestCorrections:
    """Disagreements are counted."""

    def test_another_number_of_slots(self) -> None:
        slots = Slots(4)
        assert slots.poll(1, busy=0, total=6) == 6
        assert +slots.corrections == {Correction.RESIZED: 1}

    def test_more_is_taken_than_there_is(self) -> None:
        slots = Slots(4)
        for _ in range(4):
            slots.grant(begun=0.5)
        assert slots.poll(1, busy=2, total=2) == -2
        assert slots.ledger.overlap == 2
        assert slots.corrections[Correction.OVERBOOKED] == 2

    def test_leases_that_cannot_be_seen_are_counted_once_and_kept(self) -> None:
        slots = Slots(2)
        slots.grant(begun=0.5)
        assert [slots.poll(1.0 + n, busy=0) for n in range(10)] == [1] * 10
        assert slots.corrections[Correction.IDLE] == 1
