"""Where are the other gateways, and how do they know each other?"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llmstack.gateway.config_schema import Address
from llmstack.kube.objects import Object


@dataclass(frozen=True)
class Peers:
    """`name` is what the others call this one, host:port; `members` may name it, too.

    All have the same `key`.
    """

    listen: Address
    name: str
    members: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)


def peer_names(slices: Iterable[Object], port: int) -> tuple[str, ...]:
    """The names of all gateways, by the EndpointSlices of their Service: ready ones and others."""
    addresses = {
        endpoint["addresses"][0]
        for each in slices
        for endpoint in each.get("endpoints") or ()
        if endpoint.get("addresses")
    }
    return tuple(sorted(str(Address(address, port)) for address in addresses))
