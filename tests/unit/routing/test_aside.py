"""How many requests without a slot does a replica get at once?"""

import pytest

from llmstack.routing.aside import AT_ONCE, PER_TENANT
from llmstack.routing.lease import BEGUN_AFTER
from llmstack.routing.messages import NO_SLOTS, Ending
from llmstack.routing.slots import SlotsSeen
from tests.unit.routing.samples import Bench


class Desk(Bench):
    """A bench whose replicas show their leases."""

    def up(self, name: str, slots: int, busy: int = 0) -> None:
        super().up(name, slots, busy)
        self.shows(name)

    def tokenise(self, tenant: str = "t") -> int:
        return self.ask(tenant, NO_SLOTS)

    def shows(self, name: str, *waiting: int) -> None:
        """A poll that begins now shows that these asks are still in the server."""
        leases = frozenset(self.grant(ask).lease for ask in waiting)
        poll = SlotsSeen(self.now, 1, 0, {}, leases)
        self.take(self.pool.seen(name, poll, self.now))

    def served(self, *asks: int) -> list[bool]:
        return [self.where(ask) != "waits" for ask in asks]


def test_each_tenant_has_few_at_once_at_a_replica_and_waits_for_more() -> None:
    desk = Desk(1)
    asks = [desk.tokenise() for _ in range(PER_TENANT + 1)]
    assert desk.served(*asks) == [True] * PER_TENANT + [False]
    desk.end(asks[0])
    assert desk.where(asks[-1]) == "a"


def test_others_are_served_meanwhile() -> None:
    desk = Desk(1)
    for _ in range(PER_TENANT + 5):
        desk.tokenise("greedy")
    assert desk.where(desk.tokenise("rare")) == "a"
    assert desk.where(desk.ask("greedy")) == "a"


def test_each_replica_has_room_of_its_own() -> None:
    desk = Desk(1, 1)
    asks = [desk.tokenise() for _ in range(2 * PER_TENANT + 1)]
    places = [desk.where(ask) for ask in asks]
    assert sorted(places) == ["a"] * PER_TENANT + ["b"] * PER_TENANT + ["waits"]


def test_all_tenants_together_are_bounded() -> None:
    desk = Desk(1)
    asks = [desk.tokenise(f"t{n}") for n in range(AT_ONCE + 1)]
    assert desk.served(*asks) == [True] * AT_ONCE + [False]
    desk.end(asks[3])
    assert desk.where(asks[-1]) == "a"


def test_they_wait_without_a_slot_being_kept_for_them() -> None:
    desk = Desk(1)
    for n in range(AT_ONCE + 1):
        desk.tokenise(f"t{n}")
    for _ in range(50):
        ask = desk.ask("other")
        assert desk.where(ask) == "a"
        desk.end(ask)


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.FAILED])
def test_one_whose_client_has_left_counts_until_the_server_is_through_with_it(
    ending: Ending,
) -> None:
    desk = Desk(1)
    first, second = desk.tokenise(), desk.tokenise()
    waits = desk.tokenise()
    desk.now = 5.0
    desk.end(first, ending)
    assert (desk.where(waits), desk.pool.draining("a")) == ("waits", True)
    for desk.now in (5.5, 60.0):
        desk.shows("a", first, second)
        assert desk.where(waits) == "waits"
    desk.now = 61.0
    desk.shows("a", second)
    assert (desk.where(waits), desk.pool.draining("a")) == ("a", False)


def test_one_that_left_at_once_may_still_arrive() -> None:
    desk = Desk(1)
    first, _ = desk.tokenise(), desk.tokenise()
    waits = desk.tokenise()
    desk.end(first, Ending.CANCELLED)
    desk.now = BEGUN_AFTER / 2
    desk.shows("a")
    assert desk.where(waits) == "waits"
    desk.now = BEGUN_AFTER + 0.1
    desk.shows("a")
    assert desk.where(waits) == "a"


def test_a_server_that_shows_no_leases_is_taken_to_be_through_when_the_request_ends() -> None:
    bench = Bench(1)
    asks = [bench.ask(slots=NO_SLOTS) for _ in range(PER_TENANT + 1)]
    assert bench.where(asks[-1]) == "waits"
    bench.end(asks[0], Ending.CANCELLED)
    assert bench.where(bench.ask(slots=NO_SLOTS)) == "waits"
    assert bench.where(asks[-1]) == "a"
