"""What does a gateway tell its peers of its own accord?

a State      in each new view and on each new connection: all that concerns the peer's models
a Beat       to everyone, several times a second; first bytes of responses go with it
"""

from llmstack.gateway.peers.around import Wire
from llmstack.gateway.peers.asking import Asking
from llmstack.gateway.peers.own import Own, Theirs
from llmstack.routing.peer_messages import FirstByte, Routed, State, pack
from llmstack.routing.peering import Peering
from llmstack.routing.view import View

Stand = tuple[View, bool]
"""A view, and whether this gateway was alone in it."""


class Telling:
    """Tells peers what this gateway holds, waits for and has routed."""

    def __init__(self, peering: Peering, own: Own, asking: Asking, wire: Wire) -> None:
        self._peering = peering
        self._own = own
        self._asking = asking
        self._wire = wire
        self._begun: set[int] = set()  # sent with the next heartbeat: nobody needs it sooner

    def begin(self, lease: int) -> None:
        """The first byte of a response came; its owner is told with the next heartbeat."""
        self._begun.add(lease)

    def end(self, lease: int) -> None:
        """The lease has ended, so nobody needs to know that it had begun."""
        self._begun.discard(lease)

    def state(self, peer: str, before: Stand | None = None) -> None:
        """Tells a peer which view this gateway is in, and everything that concerns its models."""

        def theirs(model: str) -> bool:
            return self._peering.owner(model) == peer

        moved = self._own.routed_of(self.moved_to(peer, before)) if before else ()
        routed = tuple(Routed(model, replica, pack(blocks)) for model, replica, blocks in moved)
        leases, asks = self._own.leases(theirs), self._asking.waits(theirs)
        self._wire.send(peer, State(self._peering.view.id, leases, asks, routed))
        self._asking.repeat(theirs)
        self._wire.send(peer, self._peering.beat_for(peer))

    def moved_to(self, owner: str, before: Stand) -> Theirs:
        """Returns a test for models that belong to this member now but did not before."""
        view, was_alone = before

        def moved(model: str) -> bool:
            was = self._peering.me.name if was_alone else view.owner(model)
            return self._peering.owner(model) == owner != was

        return moved

    def beat(self) -> None:
        """Sends a heartbeat to everyone."""
        begun, self._begun = self._begun, set()
        for lease in begun:
            owner = self._peering.owner(self._own.held[lease].ask.model)
            if owner != self._peering.me.name:
                self._wire.send(owner, FirstByte(lease))
        for member in self._peering.reached():
            self._wire.send(member, self._peering.beat_for(member))
