"""Where does a control plane listen?"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """Where a control plane listens."""

    address: str
    """The address that the API server tells others; loopback where there is no pod to tell."""
    api: int = 6443
    etcd: int = 2379
    etcd_peers: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259

    @property
    def loopback(self) -> bool:
        return self.address == "127.0.0.1"

    @classmethod
    def on_this_host(cls) -> Site:
        """A site on the loopback, beside whatever else runs on this host."""
        return cls("127.0.0.1", *free_ports(5))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that are free, and stay so while the program that uses one is down.

    They lie below the range from which the kernel takes ports for outgoing connections.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20000, 32768)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found
