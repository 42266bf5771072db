"""Where are the other gateways, and what do they share?"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llmstack.gateway.config_schema import Address
from llmstack.kube.objects import Object


@dataclass(frozen=True)
class Peers:
    """The gateways of one group.

    `listen` is where this one listens, `name` (host:port) is how the others reach it. `members` are
    the names of all; this one's may be missing. All have the same `key`.
    """

    listen: Address
    name: str
    members: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)


def peer_names(slices: Iterable[Object], port: int) -> tuple[str, ...]:
    """Returns the names of all gateways in their Service's EndpointSlices, ready or not."""
    addresses = {
        endpoint["addresses"][0]
        for each in slices
        for endpoint in each.get("endpoints") or ()
        if endpoint.get("addresses")
    }
    return tuple(sorted(str(Address(address, port)) for address in addresses))
