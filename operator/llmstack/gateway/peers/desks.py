"""What do the other gateways hold and want of the models that this one owns?

There is a desk per peer, which records what the peer says, in order; a State replaces it. While the
peer is in our view, the pools match the record: its asks wait in them, and its leases are live.
What it says of a model that is not in this gateway's catalog yet stays on record until it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from llmstack.gateway.inherited import Adopted
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.messages import Ask, Ending, Grant, Reason, ending_of
from llmstack.routing.peer_messages import (
    Asked,
    Cached,
    Cancelled,
    FirstByte,
    Granted,
    HeldLease,
    Message,
    Refused,
    Released,
    State,
    unpack,
)
from llmstack.routing.pool import Decision


@dataclass(slots=True)
class _Request:
    """A peer's ask. `id` is its number here; `since` is when it came, by our clock."""

    id: int
    asked: Asked
    view: str
    since: float
    submitted: bool = False


@dataclass(slots=True)
class _Desk:
    asks: dict[int, _Request] = field(default_factory=dict)
    leases: dict[int, Adopted] = field(default_factory=dict)
    ended: list[Adopted] = field(default_factory=list)
    routed: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Side:
    """What the desks need of their gateway.

    `agrees(peer)` returns whether the peer is in our view, `owns(model)` whether this gateway owns
    the model. `answer` sends to a peer over the peer's connection.
    """

    agrees: Callable[[str], bool]
    owns: Callable[[str], bool]
    answer: Callable[[str, Message], None]


class Desks:
    """The desks of all peers. `number` returns ids for asks."""

    def __init__(
        self,
        local: LocalOwner,
        side: Side,
        number: Callable[[], int],
        facts: Facts,
        clock: Callable[[], float],
    ) -> None:
        self._local = local
        self._agrees, self._owns, self._answer = side.agrees, side.owns, side.answer
        self._number = number
        self._facts = facts
        self._clock = clock
        self._desks: dict[str, _Desk] = {}

    def take(self, peer: str, message: Message) -> None:
        """Takes a peer's message to the owner of its models."""
        desk = self._desks.setdefault(peer, _Desk())
        match message:
            case Asked():
                self._asked(peer, desk, message)
            case Released():
                self._end(desk, message.lease, ending_of(message.ending))
            case FirstByte():
                self._first_byte(desk, message.lease)
            case Cached():
                self._local.cached(message.lease, message.tokens)
            case Cancelled():
                self._withdraw(desk, message.ask)
            case State():
                self._state(peer, desk, message)
            case _:
                pass

    def reconcile(self, peer: str) -> None:
        """Passes on to the pools what is recorded of a peer, if it is in our view."""
        desk = self._desks.get(peer)
        if desk is None or not self._agrees(peer):
            return
        for adopted in desk.leases.values():
            if self._owns(adopted.model):
                self._local.adopt(adopted)
        for adopted in desk.ended:
            self._local.doubt(adopted)
        desk.ended = [each for each in desk.ended if self._to_come(each.model)]
        for each in desk.routed:
            self._local.routed(*each)
        desk.routed = [each for each in desk.routed if self._to_come(each[0])]
        for request in list(desk.asks.values()):
            self._submit(peer, request)

    def moved(self) -> None:
        """Adapts to a change of the owned models; asks for models that are lost are dropped."""
        for peer, desk in self._desks.items():
            for ask, request in list(desk.asks.items()):
                if request.submitted and not self._owns(request.asked.model):
                    self._withdraw(desk, ask)
            self.reconcile(peer)

    def gone(self, peer: str) -> None:
        """Drops a peer that is out of the view. Its leases drain until a poll shows them idle."""
        desk = self._desks.get(peer)
        if desk is None:
            return
        for ask in list(desk.asks):
            self._withdraw(desk, ask)
        for lease in list(desk.leases):
            self._end(desk, lease, Ending.FAILED)
        del self._desks[peer]

    def peers(self) -> list[str]:
        """Returns the peers that have a desk."""
        return list(self._desks)

    def holder(self, lease: int) -> str | None:
        """Returns the peer that holds a lease, or None."""
        return next((peer for peer, desk in self._desks.items() if lease in desk.leases), None)

    def _to_come(self, model: str) -> bool:
        """True if this gateway owns the model but does not have it in its catalog yet."""
        return self._owns(model) and not self._local.has(model)

    def _state(self, peer: str, desk: _Desk, state: State) -> None:
        leases = {each.id: self._adopted(each) for each in state.leases if not each.ended}
        for lease in desk.leases.keys() - leases.keys():
            self._end(desk, lease, Ending.FAILED)
        desk.leases = leases
        for ask in desk.asks.keys() - set(state.asks):
            self._withdraw(desk, ask)
        desk.ended = [self._adopted(each) for each in state.leases if each.ended]
        desk.routed = [(each.model, each.replica, unpack(each.blocks)) for each in state.routed]
        self.reconcile(peer)

    def _adopted(self, held: HeldLease) -> Adopted:
        return Adopted(
            id=held.id,
            model=held.model,
            replica=held.replica,
            tenant=held.tenant,
            slots=held.slots,
            granted=self._clock() - held.age,
            answered=held.answered,
            blocks=unpack(held.blocks),
        )

    def _asked(self, peer: str, desk: _Desk, asked: Asked) -> None:
        request = desk.asks.get(asked.ask)
        if request is None:
            since = self._clock() - asked.ago
            request = desk.asks[asked.ask] = _Request(self._number(), asked, asked.view, since)
        request.view = asked.view
        if self._agrees(peer):
            self._submit(peer, request)

    def _submit(self, peer: str, request: _Request) -> None:
        asked = request.asked
        if request.submitted:
            return
        request.submitted = True
        ask = Ask(
            request.id,
            asked.model,
            asked.tenant,
            asked.slots,
            unpack(asked.blocks),
            request.since,
            frozenset(asked.avoid),
            asked.divisible,
            asked.spent,
        )
        self._local.submit(ask, partial(self._decided, peer, request))

    def _decided(self, peer: str, request: _Request, decision: Decision) -> None:
        """Answers a peer's ask, which the pool has decided."""
        desk, asked, view = self._desks[peer], request.asked, request.view
        del desk.asks[asked.ask]
        if isinstance(decision, Grant):
            self._granted(peer, desk, request, decision)
        elif decision.reason is not Reason.MODEL_GONE or self._owns(asked.model):
            refused = Refused(
                view, asked.ask, decision.reason.value, decision.retry_after, decision.limit
            )
            self._answer(peer, refused)

    def _granted(self, peer: str, desk: _Desk, request: _Request, grant: Grant) -> None:
        asked, replica = request.asked, grant.replica
        desk.leases[grant.lease] = Adopted(
            grant.lease, asked.model, replica, asked.tenant, asked.slots, self._clock()
        )
        apart, started = self._facts.of(asked.model, replica)
        granted = Granted(
            request.view,
            asked.ask,
            grant.lease,
            replica,
            grant.hit,
            grant.waited,
            grant.echoes,
            apart,
            started,
        )
        self._answer(peer, granted)

    def _first_byte(self, desk: _Desk, lease: int) -> None:
        if lease in desk.leases:
            self._local.first_byte(lease)

    def _withdraw(self, desk: _Desk, ask: int) -> None:
        request = desk.asks.pop(ask, None)
        if request is not None and request.submitted:
            self._local.withdraw(request.asked.model, request.id)

    def _end(self, desk: _Desk, lease: int, ending: Ending) -> None:
        adopted = desk.leases.pop(lease, None)
        if adopted is None:
            return
        if self._local.knows(lease):
            self._local.release(lease, ending)
        else:
            self._local.disown(adopted)
