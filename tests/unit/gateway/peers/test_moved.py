"""What does a gateway tell and take when its view of the others changes?"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import TypeVar

from llmstack.gateway.catalog import Model, catalog_of
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.peers.around import Around
from llmstack.gateway.peers.shared_owner import SharedOwner
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.peer_messages import (
    Asked,
    Beat,
    Granted,
    HeldLease,
    Message,
    Refused,
    Released,
    Routed,
    State,
    pack,
)
from llmstack.routing.peering import BEAT, Peering
from llmstack.routing.slots import SlotsSeen
from llmstack.routing.view import Member, View

ME = Member("a", "1")
OTHERS = {name: Member(name, name * 2) for name in "bc"}
REPLICA = "r"
Kind = TypeVar("Kind")


class Gateway:
    """The gateway a, whose wire remembers what it carried."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.sent: list[tuple[str, Message]] = []
        self.later = 0.0
        loop = asyncio.get_running_loop()

        def clock() -> float:
            return loop.time() + self.later

        self.local = LocalOwner(leases=itertools.count(1), clock=clock, hurry=lambda *_: None)
        numbers = itertools.count(1)
        self.dropped: list[str] = []
        around = Around(
            self.local.apply,
            lambda _: None,
            lambda: next(numbers),
            Facts(),
            dropped=self.dropped.append,
        )
        self.owner = SharedOwner(Peering(ME, clock()), self.local, self, around, clock)
        self.catalog = catalog_of([Model(model, backends=(Backend(REPLICA, "x", 1),))])
        self.owner.take(self.catalog)
        self.owner.expect(["a"])

    def send(self, peer: str, message: Message) -> None:
        self.sent.append((peer, message))

    def answer(self, peer: str, message: Message) -> None:
        self.sent.append((peer, message))

    def cut(self, peer: str) -> None:
        pass

    def meets(self, name: str) -> None:
        """It and another gateway reach each other."""
        self.owner.connected(name)
        self.owner.came(OTHERS[name])
        self.owner.asked(name, Beat(1, 0, "", 1, True))

    def agrees(self, *names: str) -> None:
        """All of them have answered its last beat, in its view."""
        self.owner.tick()
        for name in names:
            self.owner.asked(name, State(self.owner.peering.view.id))
            self.answers(name)

    def answers(self, name: str) -> None:
        """The other one has got its last beat, and is in its view."""
        beat = self.told(name, Beat)[-1]
        self.owner.asked(name, Beat(2, beat.number, beat.view, 1, True))

    def loses(self, name: str) -> None:
        """The other one's process is dead."""
        self.owner.disconnected(name)
        self.owner.left(name)
        self.owner.refused(name)

    def serves(self) -> None:
        """The replica is up, and idle."""
        now = asyncio.get_running_loop().time()
        self.local.replica_up(self.model, REPLICA, 1)
        self.local.seen(self.model, REPLICA, SlotsSeen(now, 1, 0, {}, frozenset()))

    def told(self, peer: str, kind: type[Kind]) -> list[Kind]:
        return [message for to, message in self.sent if to == peer and isinstance(message, kind)]

    def granted(self, view: str, ask: int, lease: int) -> Granted:
        return Granted(view, ask, lease, REPLICA, hit=0.0, waited=0.0)


def owned_by(*views: tuple[str, Sequence[str]]) -> str:
    """A model that belongs to this one in each of these views."""
    members = {"a": ME, **OTHERS}
    return next(
        name
        for name in (f"m{number}" for number in itertools.count())
        if all(View([members[each] for each in view]).owner(name) == who for who, view in views)
    )


def ask(gateway: Gateway, blocks: tuple[int, ...] = ()) -> asyncio.Task[object]:
    now = asyncio.get_running_loop().time()
    wanted = Ask(1, gateway.model, "tenant", 1, blocks, now)
    return asyncio.ensure_future(gateway.owner.acquire(wanted))


async def test_a_grant_of_an_older_view_is_given_back_and_the_ask_goes_on() -> None:
    gateway = Gateway(owned_by(("b", "ab"), ("b", "abc")))
    gateway.meets("b")
    waiting = ask(gateway)
    await asyncio.sleep(0)
    (first,) = gateway.told("b", Asked)

    gateway.meets("c")
    again = gateway.told("b", Asked)[-1]
    assert again.view != first.view
    gateway.owner.answered("b", gateway.granted(first.view, first.ask, lease=7))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert gateway.told("b", Released) == [Released(7, Ending.DONE.value)]

    gateway.agrees("b", "c")
    gateway.owner.answered("b", gateway.granted(again.view, again.ask, lease=8))
    grant = await waiting
    assert isinstance(grant, Grant) and grant.lease == 8


async def test_a_new_owner_hears_of_what_has_just_ended_and_may_still_compute() -> None:
    gateway = Gateway(owned_by(("b", "abc"), ("c", "ac")))
    gateway.meets("b")
    gateway.meets("c")
    gateway.agrees("b", "c")
    waiting = ask(gateway)
    await asyncio.sleep(0)
    asked = gateway.told("b", Asked)[-1]
    gateway.owner.answered("b", gateway.granted(asked.view, asked.ask, lease=7))
    await waiting
    gateway.owner.release(7, Ending.CANCELLED)

    gateway.loses("b")
    state = gateway.told("c", State)[-1]
    assert [(held.id, held.ended) for held in state.leases] == [(7, True)]


async def test_a_lease_of_a_deleted_model_ends_here_though_another_would_own_it() -> None:
    gateway = Gateway(owned_by(("a", "a"), ("b", "ab")))
    gateway.owner.tick()
    gateway.serves()
    grant = await ask(gateway)
    assert isinstance(grant, Grant)

    gateway.owner.take(catalog_of([]))
    gateway.meets("b")
    gateway.owner.release(grant.lease, Ending.DONE)
    assert not gateway.local.knows(grant.lease)
    assert gateway.told("b", Released) == [Released(grant.lease, Ending.DONE.value)]


async def test_what_a_peer_says_of_a_model_counts_once_the_catalog_has_it() -> None:
    gateway = Gateway(owned_by(("a", "ab")))
    models = gateway.catalog
    gateway.owner.take(catalog_of([]))
    gateway.meets("b")
    held = HeldLease(7, gateway.model, REPLICA, "tenant", 1, 1.0)
    routed = Routed(gateway.model, REPLICA, pack((5,)))
    gateway.owner.asked("b", State(gateway.owner.peering.view.id, (held,), (), (routed,)))

    gateway.owner.take(models)
    gateway.serves()
    assert gateway.local.knows(7)
    gateway.owner.asked("b", Released(7, Ending.DONE.value))
    gateway.owner.tick()
    gateway.owner.asked("b", Beat(2, 1, gateway.owner.peering.view.id, 1, True))
    grant = await ask(gateway, blocks=(5,))
    assert isinstance(grant, Grant) and grant.hit == 1.0


async def test_what_ended_of_a_model_is_doubted_once_its_replica_is_there() -> None:
    gateway = Gateway(owned_by(("a", "ab")))
    models = gateway.catalog
    gateway.owner.take(catalog_of([]))
    gateway.meets("b")
    ended = HeldLease(7, gateway.model, REPLICA, "tenant", 1, 1.0, ended=True)
    gateway.owner.asked("b", State(gateway.owner.peering.view.id, (ended,)))
    gateway.owner.take(models)
    gateway.serves()
    assert gateway.local.draining(gateway.model, REPLICA)


async def test_whose_process_is_dead_is_forgotten_wherever_it_was_heard() -> None:
    gateway = Gateway("m")
    gateway.meets("b")
    gateway.meets("c")
    gateway.loses("b")
    assert gateway.dropped == ["b"]


async def test_an_ending_that_a_newer_gateway_knows_frees_no_slot_before_a_poll_does() -> None:
    gateway = Gateway(owned_by(("a", "ab")))
    gateway.serves()
    gateway.meets("b")
    held = HeldLease(7, gateway.model, REPLICA, "tenant", 1, 1.0)
    gateway.owner.asked("b", State(gateway.owner.peering.view.id, (held,)))
    assert gateway.local.knows(7) and not gateway.local.draining(gateway.model, REPLICA)
    gateway.owner.asked("b", Released(7, "of a newer version"))
    assert not gateway.local.knows(7) and gateway.local.draining(gateway.model, REPLICA)


async def test_a_reason_that_a_newer_gateway_knows_is_a_refusal_that_may_come_again() -> None:
    gateway = Gateway(owned_by(("b", "ab")))
    gateway.meets("b")
    waiting = ask(gateway)
    await asyncio.sleep(0)
    asked = gateway.told("b", Asked)[-1]
    gateway.owner.answered("b", Refused(asked.view, asked.ask, "of a newer version", 3))
    assert await waiting == Refusal(1, Reason.NO_REPLICA, 3)


async def test_slots_that_were_granted_before_it_was_dropped_are_not_used() -> None:
    gateway = Gateway(owned_by(("b", "ab")))
    gateway.meets("b")
    gateway.agrees("b")
    waiting = ask(gateway)
    await asyncio.sleep(0)
    asked = gateway.told("b", Asked)[-1]
    gateway.owner.answered("b", gateway.granted(asked.view, asked.ask, lease=7))
    grant = await waiting
    assert isinstance(grant, Grant) and gateway.owner.holds(7)

    gateway.owner.came(OTHERS["b"])
    gateway.owner.asked("b", Beat(1, 0, "", 1, True))
    gateway.agrees("b")
    assert not gateway.owner.holds(7)


async def test_a_grant_that_comes_while_the_others_may_not_count_on_it_is_given_back() -> None:
    gateway = Gateway(owned_by(("b", "ab")))
    gateway.meets("b")
    waiting = ask(gateway)
    await asyncio.sleep(0)
    asked = gateway.told("b", Asked)[-1]
    gateway.owner.answered("b", gateway.granted(asked.view, asked.ask, lease=7))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gateway.told("b", Released) == [Released(7, Ending.DONE.value)]
    assert len(gateway.told("b", Asked)) == 1

    gateway.agrees("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked = gateway.told("b", Asked)[-1]
    gateway.owner.answered("b", gateway.granted(asked.view, asked.ask, lease=8))
    grant = await waiting
    assert isinstance(grant, Grant) and grant.lease == 8


async def test_what_a_peer_asks_before_its_first_beat_survives_the_coming_of_another() -> None:
    gateway = Gateway(owned_by(("a", "ab"), ("a", "abc"), ("a", "ac")))
    gateway.serves()
    gateway.owner.connected("b")
    gateway.owner.came(OTHERS["b"])
    all_of_them = View([ME, *OTHERS.values()])
    gateway.owner.asked("b", State(all_of_them.id, (), (5,)))
    asked = Asked(all_of_them.id, 5, gateway.model, "tenant", 1, 0.0, "")
    gateway.owner.asked("b", asked)

    gateway.meets("c")
    gateway.owner.asked("b", Beat(1, 0, all_of_them.id, 1, True))
    gateway.agrees("c")
    gateway.answers("b")
    (granted,) = gateway.told("b", Granted)
    assert granted.ask == 5


async def came_and_asked() -> Gateway:
    """A gateway that b has asked before its first beat."""
    gateway = Gateway(owned_by(("a", "ab")))
    gateway.owner.connected("b")
    gateway.owner.came(OTHERS["b"])
    gateway.owner.asked("b", State("", (), (5,)))
    assert gateway.owner.desks.peers() == ["b"]
    return gateway


async def test_nothing_is_kept_of_a_peer_that_leaves_before_its_first_beat() -> None:
    gateway = await came_and_asked()
    gateway.owner.left("b")
    assert gateway.owner.desks.peers() == []


async def test_nothing_is_kept_of_a_peer_that_is_silent_before_its_first_beat() -> None:
    gateway = await came_and_asked()
    for _ in range(8):
        gateway.later += BEAT
        gateway.owner.tick()
    assert gateway.owner.desks.peers() == []


async def test_nothing_of_an_older_process_is_kept_when_another_one_comes_in_its_place() -> None:
    gateway = await came_and_asked()
    gateway.owner.came(OTHERS["b"]._replace(epoch="newer"))
    assert gateway.owner.desks.peers() == []
