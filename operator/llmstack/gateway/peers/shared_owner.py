"""Several gateways: who of them grants, and what becomes of requests when that changes?

    a request ── acquire ──> the owner of its model is this gateway ──> local_owner.py
                        └──> it is another one ── Asked ──> Granted | Refused

Each gateway keeps what its own requests hold and wait for. When the view changes (peering.py), it
tells every peer what of that is the peer's now, which confirms the view; those that wait keep their
age. Grants of an older view are not taken. One peer more or less costs no request.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from llmstack.gateway.catalog import Catalog
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.peers.asking import Asking
from llmstack.gateway.peers.desks import Desks, Side
from llmstack.gateway.peers.own import Own, Theirs, adopted
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.peer_messages import (
    Beat,
    Cached,
    FirstByte,
    Granted,
    Heard,
    Lost,
    Message,
    Refused,
    Released,
    Routed,
    Standing,
    State,
    pack,
)
from llmstack.routing.peering import Peering
from llmstack.routing.view import Member, View

log = logging.getLogger(__name__)


class Wire(Protocol):
    """Carries messages. What cannot be sent is lost: a State follows each new connection."""

    def send(self, peer: str, message: Message) -> None:
        """To a peer by our connection to it."""
        ...

    def answer(self, peer: str, message: Message) -> None:
        """To a peer by its connection to us."""
        ...

    def cut(self, peer: str) -> None:
        """Ends both connections with a peer."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    """What the process does for its owner.

    `follow(catalog)`: the models that are this gateway's, to be watched and given to the local
    owner. `lost(lease)`: the replica of a lease of ours shows no trace of it. `number()` gives ids
    for asks. `gossip` takes what else a peer says; `dropped(peer)`: it is not there any more.
    """

    follow: Callable[[Catalog], None]
    lost: Callable[[int], None]
    number: Callable[[], int]
    facts: Facts
    gossip: Callable[[str, Heard | Standing], None] = lambda _peer, _message: None
    dropped: Callable[[str], None] = lambda _peer: None


class SharedOwner:
    """An Owner (owner.py) among peers."""

    def __init__(
        self,
        peering: Peering,
        local: LocalOwner,
        wire: Wire,
        around: Around,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.peering = peering
        self.terms: dict[str, int] = {}
        self._me = peering.me.name
        self._local = local
        self._wire = wire
        self._around = around
        self._clock = clock
        self._catalog = Catalog()
        self._own = Own(clock)
        self._asking = Asking(peering, self._own, wire.send, self._knows, around.facts, clock)
        self._uncertain: list[asyncio.Future[None]] = []
        self._begun: set[int] = set()  # to be told with the next beat: few need to know at once
        self._before: tuple[View, bool] = (peering.view, False)
        self._opened: tuple[View, bool] | None = None
        book = Side(self._serves, self.owns, self._answer)
        self.desks = Desks(local, book, around.number, around.facts, clock)
        local.permit.until = float("-inf")

    # An Owner

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for the word that there will be none (owner.Owner)."""
        began = self._clock() - ask.spent
        while True:
            if not self._knows(ask.model):
                return Refusal(ask.id, Reason.MODEL_GONE)
            here = self.owns(ask.model)
            decision = await (self._here(ask) if here else self._asking.acquire(ask, self._leave))
            if isinstance(decision, Grant) and not self.holds(decision.lease):
                self.release(decision.lease, Ending.DONE)
                await self._certainty()
                decision = None
            if decision is not None:
                return decision
            ask = ask._replace(spent=self._clock() - began)

    def holds(self, lease: int) -> bool:
        """True if nobody else can have got its slots meanwhile (owner.Owner)."""
        certain = self.peering.is_certain(self._clock())
        return certain and self._own.held[lease].doubts == self.peering.doubts

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease; exactly once for each grant."""
        held = self._own.end(lease, ending)
        self._begun.discard(lease)
        owner, here = self.peering.owner(held.ask.model), self._local.knows(lease)
        if here:  # Also where its model is in no catalog any more, whoever would own it now.
            self._local.release(lease, ending)
        if owner != self._me:
            self._wire.send(owner, Released(lease, ending.value))
        elif not here:
            self._local.disown(adopted(lease, held))

    def first_byte(self, lease: int) -> None:
        """The first byte of its answer came (owner.Owner)."""
        held = self._own.held.get(lease)
        if held is not None:
            held.answered = True
            owner = self.peering.owner(held.ask.model)
            if owner == self._me:
                self._local.first_byte(lease)
            else:
                self._begun.add(lease)

    def cached(self, lease: int, tokens: int) -> None:
        """So many tokens of its prompt were in its replica's cache (owner.Owner)."""
        held = self._own.held.get(lease)
        if held is not None:
            owner = self.peering.owner(held.ask.model)
            if owner == self._me:
                self._local.cached(lease, tokens)
            else:
                self._wire.send(owner, Cached(lease, tokens))

    # What the process tells

    def expect(self, peers: Iterable[str]) -> None:
        """These may be there: they are heard before anything is granted."""
        self.peering.expect(peers, self._clock())

    def take(self, catalog: Catalog) -> None:
        """The models are these now."""
        self._catalog = catalog
        self._settle()
        self.desks.moved()

    def owns(self, model: str) -> bool:
        """True if this gateway grants for the model, as it sees it."""
        return self.peering.owner(model) == self._me

    def retire(self) -> None:
        """This gateway is about to stop: others own its models from now on."""
        self.peering.retire()
        self._look()

    def tick(self) -> None:
        """Called every BEAT: the others hear of us, and silence is noticed."""
        now = self._clock()
        self.peering.tick(now)
        self.peering.next_beat(now)
        self._look()
        self._beat()

    def lost(self, lease: int) -> None:
        """The owner's polls show no trace of a lease: whoever holds it is told."""
        if lease in self._own.held:
            self._around.lost(lease)
        elif holder := self.desks.holder(lease):
            self._answer(holder, Lost(lease))

    # What the connections tell

    def connected(self, peer: str) -> None:
        """Our connection to a peer is up."""
        self.peering.connected(peer, self._clock())
        self._look()
        self._tell(peer)

    def disconnected(self, peer: str) -> None:
        """Our connection to a peer is down."""
        self.peering.disconnected(peer)
        self._look()

    def refused(self, peer: str) -> None:
        """No process listens at a peer's address."""
        self.peering.refused(peer, self._clock())
        self._look()

    def came(self, member: Member) -> None:
        """A peer's connection to us is up."""
        self.peering.came(member, self._clock())
        self._look()

    def left(self, peer: str) -> None:
        """A peer's connection to us is down."""
        self.peering.left(peer)
        self._look()

    def asked(self, peer: str, message: Message) -> None:
        """A peer says something by its connection to us."""
        if isinstance(message, Beat):
            self.peering.beat(peer, message, self._clock())
            self._look()
        elif isinstance(message, State):
            self.peering.stated(peer, message.view)
            self._local.permit.until = float("-inf")  # Nothing is granted by half a book.
            self.desks.take(peer, message)
            self._look()
        elif isinstance(message, Heard | Standing):
            self._around.gossip(peer, message)
        else:
            self.desks.take(peer, message)

    def answered(self, peer: str, message: Message) -> None:
        """A peer says something by our connection to it."""
        match message:
            case Granted():
                self._asking.granted(peer, message)
            case Refused():
                self._asking.refused(peer, message)
            case Lost():
                if message.lease in self._own.held:
                    self._around.lost(message.lease)
            case _:
                pass

    # A request for a model of ours

    async def _here(self, ask: Ask) -> Grant | Refusal | None:
        decision = await self._local.acquire(ask)
        if isinstance(decision, Grant):
            if not self._local.knows(decision.lease):  # Its model has moved in this moment.
                return None
            self._own.hold(decision.lease, ask, decision.replica, self.peering.doubts)
        elif decision.reason is Reason.MODEL_GONE and self._knows(ask.model):
            return None
        return decision

    async def _certainty(self) -> None:
        """Waits until the others count on this gateway again."""
        if self.peering.is_certain(self._clock()):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._uncertain.append(future)
        await future

    def _leave(self, lease: int) -> None:
        self.release(lease, Ending.DONE)

    def _knows(self, model: str) -> bool:
        return model in self._catalog.by_id

    # How the view changes

    def _look(self) -> None:
        """Follows what peering.py says now."""
        for peer in sorted(self.peering.cuts()):
            self._wire.cut(peer)
            self._around.dropped(peer)
        if (self.peering.view, self.peering.alone) != self._before:
            self._move()
        self._renew()

    def _move(self) -> None:
        """Another view: others own some models, and all are told what is theirs of ours."""
        before, (self._before) = self._before, (self.peering.view, self.peering.alone)
        view, alone = self._before
        log.info("gateways: %r%s", view, ", which do not agree; each assigns slots alone" * alone)
        self._local.permit.until = float("-inf")
        self._opened = None
        for peer in self.desks.peers():
            if not self.peering.is_present(peer):
                self.desks.gone(peer)
        self._settle()
        for ended in self._own.ended_of(self.owns):
            self._local.doubt(ended)
        for routed in self._own.routed_of(self._moved_to(self._me, before)):
            self._local.routed(*routed)
        for member in sorted(view.members):
            if member.name != self._me:
                self._tell(member.name, before)
        self._asking.come_home(self.owns)
        self.desks.moved()

    def _settle(self) -> None:
        """The models of ours are watched here, and what our own requests hold of them counts."""
        owned = Catalog(tuple(m for m in self._catalog.models if self.owns(m.id)))
        self.terms = {model: term for model, term in self.terms.items() if model in owned.by_id}
        self._around.follow(owned)
        self._local.forget(self._catalog.by_id.keys() - owned.by_id.keys())
        for held in self._own.held_of(owned.by_id.__contains__):
            self._local.adopt(held)
        self._claim()

    def _renew(self) -> None:
        """The permit, as it stands by what was heard last."""
        now, permit = self._clock(), self._local.permit
        if self._uncertain and self.peering.is_certain(now):
            waiting, self._uncertain = self._uncertain, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        was_closed = permit.until <= now
        permit.until = self.peering.grants_until(now)
        if was_closed and permit.until > now:
            self._opened = self._before
            self._claim()
            self._local.resume()

    def _claim(self) -> None:
        """Those that we own and may grant are told of from now on, above all that was told."""
        if self._opened is None:
            return
        new = [m.id for m in self._catalog.models if m.id not in self.terms and self.owns(m.id)]
        if new:
            self.terms |= dict.fromkeys(new, self.peering.claim())

    def _tell(self, peer: str, before: tuple[View, bool] | None = None) -> None:
        """All that is this peer's of ours, and that we are in this view."""

        def theirs(model: str) -> bool:
            return self.peering.owner(model) == peer

        moved = self._own.routed_of(self._moved_to(peer, before)) if before else ()
        routed = tuple(Routed(model, replica, pack(blocks)) for model, replica, blocks in moved)
        leases, asks = self._own.leases(theirs), self._asking.waits(theirs)
        self._wire.send(peer, State(self.peering.view.id, leases, asks, routed))
        self._asking.repeat(theirs)
        self._wire.send(peer, self.peering.beat_for(peer))

    def _moved_to(self, owner: str, before: tuple[View, bool]) -> Theirs:
        """Whether a model is this member's now, and was not before."""
        view, was_alone = before

        def moved(model: str) -> bool:
            was = self._me if was_alone else view.owner(model)
            return self.peering.owner(model) == owner != was

        return moved

    def _beat(self) -> None:
        begun, self._begun = self._begun, set()
        for lease in begun:
            owner = self.peering.owner(self._own.held[lease].ask.model)
            if owner != self._me:
                self._wire.send(owner, FirstByte(lease))
        for member in self.peering.reached():
            self._wire.send(member, self.peering.beat_for(member))

    def _serves(self, peer: str) -> bool:
        return self.peering.agrees(peer) or (self.peering.alone and self.peering.is_present(peer))

    def _answer(self, peer: str, message: Message) -> None:
        self._wire.answer(peer, message)
