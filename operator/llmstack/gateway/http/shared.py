"""What do all requests of a server share?"""

from typing import Protocol

from llmstack.gateway.http.holdings import Holdings
from llmstack.gateway.http.lobby import Lobby
from llmstack.gateway.http.turns import Turns
from llmstack.settings.limits import Limits


class Shared(Protocol):
    """What the requests of all connections share."""

    limits: Limits
    draining: bool
    holdings: Holdings
    lobby: Lobby
    turns: Turns

    def takes_form(self, path: str) -> bool:
        """True if what is sent to this path is a form."""
        ...
