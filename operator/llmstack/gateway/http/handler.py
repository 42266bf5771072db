"""What does a connection need of the handler of its requests?"""

from collections.abc import Coroutine
from typing import Protocol

from llmstack.gateway.http.client import Client
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.relay import Relay


class Handler(Protocol):
    """Serves requests."""

    def serve(self, client: Client) -> Coroutine[None, None, None]:
        """Answers the request whose head has come."""
        ...

    def refuse(self, client: Client, fault: Malformed) -> None:
        """Refuses bytes that are not a request."""
        ...

    def heard(self, relay: Relay, now: float) -> None:
        """Records that bytes of this response have come lately."""
        ...

    def tick(self, now: float) -> None:
        """Is called once per tick."""
        ...

    def takes_form(self, path: str) -> bool:
        """True if what is sent to this path is a form."""
        ...
