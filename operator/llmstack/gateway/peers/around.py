"""What does a shared owner need of the connections and of its process?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from llmstack.gateway.catalog import Catalog
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.peer_messages import Heard, Message, Standing


class Wire(Protocol):
    """Carries messages. What cannot be sent is lost; a State follows each new connection."""

    def send(self, peer: str, message: Message) -> None:
        """Sends to a peer over our connection to it."""
        ...

    def answer(self, peer: str, message: Message) -> None:
        """Sends to a peer over its connection to us."""
        ...

    def cut(self, peer: str) -> None:
        """Ends both connections to a peer."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    """What the process does for its shared owner.

    `follow(catalog)` watches the replicas of the models that this gateway owns, and gives them to
    the local owner. `lost(lease)` is called if a replica shows no trace of one of our leases.
    `number()` returns ids for asks. `gossip` takes a peer's other messages; `dropped(peer)` is
    called when a peer is dropped.
    """

    follow: Callable[[Catalog], None]
    lost: Callable[[int], None]
    number: Callable[[], int]
    facts: Facts
    gossip: Callable[[str, Heard | Standing], None] = lambda _peer, _message: None
    dropped: Callable[[str], None] = lambda _peer: None
