"""Which replicas have an address, and which of them may get requests?

    has an address, was never ready ── answers the gateway ──> gets requests
    ready ──────────────────────────── answers the gateway ──> gets requests
    was ready, but no longer ────────────────────────────────> none until it is ready again
    terminating ─────────────────────────────────────────────> none

The kubelet reports a replica as ready up to two seconds after it has loaded its model: it checks
once a second, and only containers that it knows to run. The gateway checks replicas itself
(replica_watch.py) and need not wait for that. About a replica that was ready the kubelet may know
better. A gateway that has just started takes every unready replica for a new one, and asks it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmstack.desired.metadata import PORT_NAME, SERVICE_LABEL

Object = Mapping[str, Any]
ObjectKey = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Address:
    """Where a replica listens. `id` is the name of its pod.

    `ready` is what the kubelet says. `is_new` is True if the replica was never ready.
    """

    id: str
    host: str
    port: int
    ready: bool
    leaving: bool = False
    is_new: bool = False

    @property
    def accepting(self) -> bool:
        """True if it may get requests once it answers the gateway."""
        return self.ready or (self.is_new and not self.leaving)

    @property
    def rank(self) -> tuple[bool, bool]:
        """Ranks several addresses of one pod; the highest is used.

        IPv4 comes before IPv6, on which servers of older templates do not listen.
        """
        return self.ready, ":" not in self.host


ByPod = Mapping[str, Address]
"""The replicas behind one Service, by id."""


class Addresses:
    """The replicas behind all Services. It remembers which have been ready."""

    def __init__(self) -> None:
        self._been_ready: frozenset[tuple[ObjectKey, str]] = frozenset()

    def read(self, slices: Iterable[Object]) -> dict[ObjectKey, dict[str, Address]]:
        """Returns the replicas in the newest EndpointSlices, by Service, then by id."""
        found = _by_service(slices)
        self._been_ready = frozenset(
            (service, id)
            for service, by_pod in found.items()
            for id, each in by_pod.items()
            if each.ready or (service, id) in self._been_ready
        )
        return {
            service: {
                id: replace(each, is_new=(service, id) not in self._been_ready)
                for id, each in by_pod.items()
            }
            for service, by_pod in found.items()
        }


def _by_service(slices: Iterable[Object]) -> dict[ObjectKey, dict[str, Address]]:
    """Returns the addresses by Service, then by id."""
    found: dict[ObjectKey, dict[str, Address]] = {}
    for each in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        metadata = each["metadata"]
        service = (metadata.get("labels") or {}).get(SERVICE_LABEL, "")
        known = found.setdefault((metadata["namespace"], service), {})
        for address in read_slice(each):
            # A pod that moves between slices, or has two address families, is in two of them.
            if address.id not in known or address.rank > known[address.id].rank:
                known[address.id] = address
    return found


def read_slice(body: Object) -> list[Address]:
    """Returns the replicas that an EndpointSlice lists."""
    ports = {port.get("name"): port.get("port") for port in body.get("ports") or ()}
    port = ports.get(PORT_NAME)
    if body.get("addressType") not in ("IPv4", "IPv6") or not port:
        return []
    return [_address(each, port) for each in body.get("endpoints") or ()]


def _address(body: Object, port: int) -> Address:
    conditions = body.get("conditions") or {}
    host = body["addresses"][0]
    # A missing `ready` means that it is unknown, and must be taken for true.
    leaving = bool(conditions.get("terminating"))
    ready = conditions.get("ready") is not False and not leaving
    pod = (body.get("targetRef") or {}).get("name") or f"{host}:{port}"
    return Address(pod, host, port, ready, leaving)
