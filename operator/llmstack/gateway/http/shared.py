"""What does a connection need of its server?"""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Protocol

from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.holdings import Holdings
from llmstack.gateway.http.lobby import Lobby
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.turns import Turns
from llmstack.settings.limits import Limits

if TYPE_CHECKING:
    from llmstack.gateway.http.client import Client
    from llmstack.gateway.http.connection import ClientConnection


class Handler(Protocol):
    """Serves requests."""

    def serve(self, client: "Client") -> Coroutine[None, None, None]:
        """Answers the request whose head has come."""
        ...

    def refuse(self, client: "Client", fault: Malformed) -> None:
        """Refuses bytes that are not a request."""
        ...

    def heard(self, relay: Relay, now: float) -> None:
        """Records that bytes of this response have come lately."""
        ...

    def tick(self, now: float) -> None:
        """Is called once per tick."""
        ...


class Shared(Protocol):
    """What all connections of a server share."""

    handler: Handler
    limits: Limits
    draining: bool
    holdings: Holdings
    lobby: Lobby
    turns: Turns
    connections: "set[ClientConnection]"

    def left(self, connection: "ClientConnection") -> None:
        """Removes a connection that has ended."""
        ...
