"""Which of several gateways grants, and what happens to requests when that changes?

    a request ── acquire ──> this gateway owns its model ──> local_owner.py
                        └──> another one does ── Asked ──> Granted | Refused

Each gateway records what its own requests hold and wait for. When the view changes (peering.py), it
tells every peer the part that the peer owns now, which also confirms the view. Waiting requests
keep their age. Grants of an older view are not accepted. No request is lost when a peer joins or
leaves.
"""

import logging
import time
from collections.abc import Callable, Iterable

from llmstack.gateway.catalog import Catalog
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.peers.around import Around, Wire
from llmstack.gateway.peers.asking import Asking
from llmstack.gateway.peers.certainty import Certainty
from llmstack.gateway.peers.desks import Desks, Side
from llmstack.gateway.peers.own import Own, adopted
from llmstack.gateway.peers.telling import Stand, Telling
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.peer_messages import (
    Beat,
    Cached,
    Granted,
    Heard,
    Lost,
    Message,
    Refused,
    Released,
    Standing,
    State,
)
from llmstack.routing.peering import Peering
from llmstack.routing.view import Member

log = logging.getLogger(__name__)


class SharedOwner:
    """An Owner (owner.py) in a group of gateways."""

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
        self._certainty = Certainty(peering, clock)
        self._telling = Telling(peering, self._own, self._asking, wire)
        self._before: Stand = (peering.view, False)
        self._opened: Stand | None = None
        book = Side(self._serves, self.owns, wire.answer)
        self.desks = Desks(local, book, around.number, around.facts, clock)
        local.permit.until = float("-inf")

    # An Owner

    async def acquire(self, ask: Ask) -> Grant | Refusal:
        """Waits for slots, or for a refusal (owner.Owner)."""
        began = self._clock() - ask.spent
        while True:
            if not self._knows(ask.model):
                return Refusal(ask.id, Reason.MODEL_GONE)
            here = self.owns(ask.model)
            decision = await (self._here(ask) if here else self._asking.acquire(ask, self._leave))
            if isinstance(decision, Grant) and not self.holds(decision.lease):
                self.release(decision.lease, Ending.DONE)
                await self._certainty.wait()
                decision = None
            if decision is not None:
                return decision
            ask = ask._replace(spent=self._clock() - began)

    def holds(self, lease: int) -> bool:
        """True if nobody else can have got the lease's slots (owner.Owner)."""
        return self._certainty.there() and self._own.held[lease].doubts == self.peering.doubts

    def release(self, lease: int, ending: Ending) -> None:
        """Ends a lease. Call it exactly once per grant."""
        held = self._own.end(lease, ending)
        self._telling.end(lease)
        owner, here = self.peering.owner(held.ask.model), self._local.knows(lease)
        if here:  # Even if its model is in no catalog any more, whichever gateway would own it.
            self._local.release(lease, ending)
        if owner != self._me:
            self._wire.send(owner, Released(lease, ending.value))
        elif not here:
            self._local.disown(adopted(lease, held))

    def first_byte(self, lease: int) -> None:
        """Records the first byte of a response (owner.Owner)."""
        held = self._own.held.get(lease)
        if held is not None:
            held.answered = True
            owner = self.peering.owner(held.ask.model)
            if owner == self._me:
                self._local.first_byte(lease)
            else:
                self._telling.begin(lease)

    def cached(self, lease: int, tokens: int) -> None:
        """Records how many prompt tokens were in the replica's cache (owner.Owner)."""
        held = self._own.held.get(lease)
        if held is not None:
            owner = self.peering.owner(held.ask.model)
            if owner == self._me:
                self._local.cached(lease, tokens)
            else:
                self._wire.send(owner, Cached(lease, tokens))

    # Called by the process

    def expect(self, peers: Iterable[str]) -> None:
        """Names the peers that may exist; they must be heard before anything is granted."""
        self.peering.expect(peers, self._clock())

    def take(self, catalog: Catalog) -> None:
        """Takes the current models."""
        self._catalog = catalog
        self._settle()
        self.desks.moved()

    def owns(self, model: str) -> bool:
        """True if this gateway grants for the model, as it sees it."""
        return self.peering.owner(model) == self._me

    def retire(self) -> None:
        """Gives all models up to the others, because this gateway is about to stop."""
        self.peering.retire()
        self._look()

    def tick(self) -> None:
        """Sends heartbeats and notices silence. Call it every BEAT seconds."""
        now = self._clock()
        self.peering.tick(now)
        self.peering.next_beat(now)
        self._look()
        self._telling.beat()

    def lost(self, lease: int) -> None:
        """Tells the holder of a lease that polls show no trace of it."""
        if lease in self._own.held:
            self._around.lost(lease)
        elif holder := self.desks.holder(lease):
            self._wire.answer(holder, Lost(lease))

    # Called by the connections

    def connected(self, peer: str) -> None:
        """Our connection to a peer is up."""
        self.peering.connected(peer, self._clock())
        self._look()
        self._telling.state(peer)

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
        self._close_book(member.name)

    def left(self, peer: str) -> None:
        """A peer's connection to us is down."""
        self.peering.left(peer)
        self._look()
        self._close_book(peer)

    def asked(self, peer: str, message: Message) -> None:
        """Takes a message that came over a peer's connection to us."""
        if isinstance(message, Beat):
            self.peering.beat(peer, message, self._clock())
            self._look()
        elif isinstance(message, State):
            self.peering.stated(peer, message.view)
            self._local.permit.until = float("-inf")  # Grant nothing by a half-updated record.
            self.desks.take(peer, message)
            self._look()
        elif isinstance(message, Heard | Standing):
            self._around.gossip(peer, message)
        else:
            self.desks.take(peer, message)

    def answered(self, peer: str, message: Message) -> None:
        """Takes a message that came over our connection to a peer."""
        match message:
            case Granted():
                self._asking.granted(peer, message)
            case Refused():
                self._asking.refused(peer, message)
            case Lost() if message.lease in self._own.held:
                self._around.lost(message.lease)
            case _:
                pass

    # Requests for models that this gateway owns

    async def _here(self, ask: Ask) -> Grant | Refusal | None:
        decision = await self._local.acquire(ask)
        if isinstance(decision, Grant):
            if not self._local.knows(decision.lease):  # Its model has just moved.
                return None
            self._own.hold(decision.lease, ask, decision.replica, self.peering.doubts)
        elif decision.reason is Reason.MODEL_GONE and self._knows(ask.model):
            return None
        return decision

    def _leave(self, lease: int) -> None:
        self.release(lease, Ending.DONE)

    def _knows(self, model: str) -> bool:
        return model in self._catalog.by_id

    # Changes of the view

    def _look(self) -> None:
        """Carries out what follows from peering.py now."""
        cuts = sorted(self.peering.cuts())
        for peer in cuts:
            self._wire.cut(peer)
            self._around.dropped(peer)
        if (self.peering.view, self.peering.alone) != self._before:
            self._move()
        for peer in cuts:
            self._close_book(peer)
        self._renew()

    def _close_book(self, peer: str) -> None:
        """Forgets what a peer has said that is not in the view: it says so again when it comes."""
        if not self.peering.is_present(peer):
            self.desks.gone(peer)

    def _move(self) -> None:
        """Carries out a change of the view: models move, and every peer is told what it owns."""
        before, (self._before) = self._before, (self.peering.view, self.peering.alone)
        view, alone = self._before
        log.info("gateways: %r%s", view, ", which do not agree; each assigns slots alone" * alone)
        self._local.permit.until = float("-inf")
        self._opened = None
        for member in before[0].members:
            self._close_book(member.name)
        self._settle()
        for ended in self._own.ended_of(self.owns):
            self._local.doubt(ended)
        for routed in self._own.routed_of(self._telling.moved_to(self._me, before)):
            self._local.routed(*routed)
        for member in sorted(view.members):
            if member.name != self._me:
                self._telling.state(member.name, before)
        self._asking.come_home(self.owns)
        self.desks.moved()

    def _settle(self) -> None:
        """Watches the models that this gateway owns, and adopts its own requests' leases."""
        owned = Catalog(tuple(m for m in self._catalog.models if self.owns(m.id)))
        self.terms = {model: term for model, term in self.terms.items() if model in owned.by_id}
        self._around.follow(owned)
        self._local.forget(self._catalog.by_id.keys() - owned.by_id.keys())
        for held in self._own.held_of(owned.by_id.__contains__):
            self._local.adopt(held)
        self._claim()

    def _renew(self) -> None:
        """Renews the permit by what was heard last."""
        now, permit = self._clock(), self._local.permit
        self._certainty.look()
        was_closed = permit.until <= now
        permit.until = self.peering.grants_until(now)
        if was_closed and permit.until > now:
            self._opened = self._before
            self._claim()
            self._local.resume()

    def _claim(self) -> None:
        """Gives a new term to models that this gateway owns and may grant for, but has not yet."""
        if self._opened is None:
            return
        new = [m.id for m in self._catalog.models if m.id not in self.terms and self.owns(m.id)]
        if new:
            self.terms |= dict.fromkeys(new, self.peering.claim())

    def _serves(self, peer: str) -> bool:
        return self.peering.agrees(peer) or (self.peering.alone and self.peering.is_present(peer))
