"""What does the ledger make of a poll that shows leases?"""

import itertools
from collections import Counter

import pytest

from llmstack.routing.echo import LINGERING, LONGEST_GAP
from llmstack.routing.lease import BEGUN_AFTER, Correction, Lease, SlotsSeen
from llmstack.routing.messages import Ending
from llmstack.routing.slots import Ledger


class Slots:
    """A ledger, spoken to in one line each."""

    def __init__(self, total: int) -> None:
        self.corrections: Counter[Correction] = Counter()
        self.ledger = Ledger("a", total, self.corrections)
        self.ids = itertools.count(1)
        self.poll(-10)

    def grant(self, at: float = 0.0, slots: int = 1) -> Lease:
        lease = Lease(next(self.ids), "t", slots, at, self.ledger)
        self.ledger.take(lease)
        return lease

    def end(self, lease: Lease, at: float, ending: Ending = Ending.CANCELLED) -> None:
        self.ledger.end(lease, ending, at)

    def poll(
        self,
        began: float,
        leases: dict[Lease, int] | None = None,
        waiting: tuple[Lease, ...] = (),
        others: int = 0,
    ) -> int:
        """What is free after it."""
        shown = {lease.id: busy for lease, busy in (leases or {}).items()}
        names = frozenset(lease.id for lease in waiting)
        busy = sum(shown.values()) + others
        self.ledger.seen(SlotsSeen(began, self.ledger.total, busy, shown, names))
        return self.ledger.free


class TestALeaseThatHasEnded:
    """Its client left, or its connection broke."""

    @pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.FAILED])
    def test_is_free_at_the_first_poll_that_does_not_show_it(self, ending: Ending) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.end(lease, 2, ending)
        assert slots.poll(2.1, {lease: 1}) == 1
        assert slots.poll(2.2) == 2

    def test_whatever_the_others_do(self) -> None:
        slots = Slots(2)
        lives, left = slots.grant(), slots.grant()
        slots.end(left, 2)
        assert slots.poll(2.1, {lives: 1}) == 1

    def test_drains_while_it_waits_inside_the_server(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.end(lease, 2)
        assert [slots.poll(2 + n, waiting=(lease,)) for n in range(1, 9)] == [1] * 8
        assert slots.poll(20) == 2

    def test_gives_its_slots_back_one_by_one(self) -> None:
        slots = Slots(4)
        lease = slots.grant(slots=4)
        slots.end(lease, 2)
        assert slots.poll(2.1, {lease: 2}, waiting=(lease,)) == 0
        assert slots.poll(2.2, {lease: 3}) == 1
        assert slots.poll(2.3, {lease: 1}) == 3

    def test_may_still_arrive_if_it_was_never_seen(self) -> None:
        slots = Slots(2)
        lease = slots.grant(at=1)
        slots.end(lease, 1.1)
        assert slots.poll(1.2) == 1
        assert slots.poll(1 + BEGUN_AFTER + 0.1) == 2

    def test_tells_nothing_by_a_poll_that_began_before_its_end(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.end(lease, 2)
        assert slots.poll(2) == 1

    def test_which_was_seen_to_wait_is_free_as_soon_as_it_is_gone(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.poll(0.1, waiting=(lease,))
        slots.end(lease, 0.2)
        assert slots.poll(0.3) == 2


class TestALeaseThatLives:
    """Its client still waits, or reads."""

    def test_holds_nothing_once_the_server_is_through_with_it(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        assert slots.poll(1, {lease: 1}) == 1
        assert slots.poll(2) == 2
        assert slots.ledger.busy == 0

    def test_whose_first_byte_came_has_begun_though_no_poll_has_shown_it(self) -> None:
        slots = Slots(2)
        slots.grant().begun = 0.5
        assert slots.poll(0.5) == 1
        assert slots.poll(0.6) == 2

    def test_is_not_given_back_before_it_has_arrived(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        assert [slots.poll(n) for n in range(100)] == [1] * 100
        assert slots.poll(101, {lease: 1}) == 1

    def test_keeps_all_its_slots_while_one_of_its_tasks_waits(self) -> None:
        slots = Slots(4)
        lease = slots.grant(slots=4)
        assert slots.poll(1, {lease: 2}, waiting=(lease,)) == 0
        assert slots.poll(2, {lease: 1}, waiting=(lease,)) == 0
        assert slots.poll(3, {lease: 1}) == 3

    @pytest.mark.parametrize("ending", list(Ending))
    def test_frees_nothing_twice(self, ending: Ending) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.poll(1, {lease: 1})
        slots.poll(2)
        slots.grant(at=2)
        slots.end(lease, 3, ending)
        assert (slots.ledger.free, slots.ledger.draining) == (1, 0)

    def test_frees_the_rest_when_it_ends_after_a_part(self) -> None:
        slots = Slots(4)
        lease = slots.grant(slots=4)
        slots.poll(1, {lease: 4})
        assert slots.poll(2, {lease: 1}) == 3
        slots.end(lease, 3)
        assert slots.ledger.draining == 1
        assert slots.poll(4) == 4

    def test_that_takes_more_than_it_was_granted_counts_for_all_of_it(self) -> None:
        slots = Slots(4)
        lease = slots.grant()
        assert slots.poll(1, {lease: 3}) == 1
        assert slots.ledger.foreign == 0

    def test_is_counted_as_idle_once_and_not_for_last_bytes_on_their_way(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.poll(1, {lease: 1})
        slots.poll(2)
        assert slots.corrections[Correction.IDLE] == 0
        slots.poll(3)
        slots.poll(4)
        assert slots.corrections[Correction.IDLE] == 1

    def test_keeps_its_slots_where_too_many_are_still_read(self) -> None:
        slots = Slots(LINGERING + 2)
        leases = [slots.grant() for _ in range(LINGERING + 2)]
        assert slots.poll(1, dict.fromkeys(leases, 1)) == 0
        assert slots.poll(2) == LINGERING
        slots.end(leases[0], 3, Ending.DONE)
        assert slots.poll(4) == LINGERING + 1


class TestWhatOthersUse:
    """Known exactly, at each poll."""

    def test_is_what_no_lease_shows(self) -> None:
        slots = Slots(4)
        lives, left = slots.grant(), slots.grant()
        slots.end(left, 1)
        slots.poll(2, {lives: 1, left: 1}, others=2)
        assert [slots.poll(3 + n, {lives: 1}, others=n) for n in (2, 1, 0, 1)] == [1, 2, 3, 2]
        assert slots.corrections[Correction.FOREIGN] == 3

    def test_counts_a_lease_of_ours_that_the_ledger_does_not_know(self) -> None:
        slots = Slots(4)
        stranger = Lease(99, "t", 1, 0, slots.ledger)
        assert slots.poll(1, {stranger: 2}) == 2
        assert slots.ledger.foreign == 2
        assert slots.poll(2) == 4

    def test_does_not_count_an_answer_that_came_after_the_poll_was_sent(self) -> None:
        slots = Slots(4)
        lease = slots.grant()
        slots.end(lease, 1, Ending.DONE)
        assert slots.poll(0.9, {lease: 1}) == 4

    def test_is_kept_apart_from_the_guesses_about_a_server_that_shows_none(self) -> None:
        slots = Slots(4)
        assert slots.poll(1, others=2) == 2
        slots.ledger.seen(SlotsSeen(2, 4, 1))
        assert (slots.ledger.free, slots.ledger.foreign) == (3, 1)


class TestALeaseWithoutATrace:
    """Neither in a slot nor waiting, and not a byte came."""

    def test_is_lost_after_so_many_seconds_of_polls(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        for n in range(10):
            slots.poll(1 + n)
            assert slots.ledger.lost(5) == ([lease.id] if n >= 5 else [])

    def test_is_lost_though_the_server_had_begun_it(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        slots.poll(1, {lease: 1})
        for n in range(7):
            slots.poll(2 + n)
        assert slots.ledger.lost(5) == [lease.id]

    def test_is_not_lost_while_the_server_is_silent(self) -> None:
        """A long prefill: `/slots` is answered when it is over, and may have been sent before."""
        slots = Slots(2)
        slots.grant()
        slots.poll(1)
        slots.poll(600)
        assert slots.ledger.lost(LONGEST_GAP + 0.1) == []

    def test_is_not_lost_once_it_has_answered(self) -> None:
        slots = Slots(2)
        lease = slots.grant()
        lease.answered, lease.begun = True, 0.5
        for n in range(100):
            slots.poll(1 + n)
        assert slots.ledger.lost(5) == []

    @pytest.mark.parametrize("waits", [False, True], ids=["in a slot", "tokenised or fetched"])
    def test_starts_anew_when_it_is_seen(self, waits: bool) -> None:
        slots = Slots(2)
        lease = slots.grant()
        for n in range(100):
            seen = n % 5 == 0
            slots.poll(n, {lease: 1} if seen and not waits else {}, (lease,) if waits else ())
        assert slots.ledger.lost(5) == []

    def test_of_a_request_without_slots_nothing_is_expected(self) -> None:
        slots = Slots(2)
        slots.grant(slots=0)
        for n in range(100):
            slots.poll(n)
        assert slots.ledger.lost(5) == []

    def test_is_never_lost_where_the_server_shows_no_leases(self) -> None:
        slots = Slots(2)
        slots.grant()
        for n in range(100):
            slots.ledger.seen(SlotsSeen(n, 2, 0))
        assert slots.ledger.lost(5) == []


def test_a_lease_counts_against_the_new_size() -> None:
    slots = Slots(4)
    lease = slots.grant(slots=4)
    slots.poll(1, {lease: 4})
    slots.ledger.seen(SlotsSeen(2, 2, 1, {lease.id: 1}))
    assert slots.ledger.free == 1
    assert slots.ledger.overlap == 0
