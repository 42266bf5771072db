"""Where are the other gateways, and how do they know each other?"""

from dataclasses import dataclass, field

from llmstack.gateway.config_schema import Address


@dataclass(frozen=True)
class Peers:
    """`name` is what the others call this one, host:port; `members` may name it, too.

    All have the same `key`.
    """

    listen: Address
    name: str
    members: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)
