"""What of the whole cluster matters to a deployment? Pure parsers, cached until a change.

Storage classes and the devices of nodes are the same for all deployments, and rarely change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api.quantity import parse_quantity
from llmstack.controller.store import Store
from llmstack.kube.kinds import NODE, STORAGE_CLASS

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True)
class StorageClasses:
    """Provisioners by storage class, and the name of the default class, None if there is none."""

    provisioners: Mapping[str, str]
    default: str | None


class ClusterFacts:
    """What the store has of the cluster, parsed once per change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._classes = StorageClasses({}, None)
        self._nodes: tuple[Mapping[str, str], ...] = ()
        self._seen = (-1, -1)

    def storage_classes(self) -> StorageClasses:
        """Returns the storage classes."""
        self._refresh()
        return self._classes

    def nodes(self) -> tuple[Mapping[str, str], ...]:
        """Returns what each node can allocate, by resource."""
        self._refresh()
        return self._nodes

    def _refresh(self) -> None:
        now = (self._store.changes(STORAGE_CLASS), self._store.changes(NODE))
        if now != self._seen:
            self._classes = parse_storage_classes(self._store.all(STORAGE_CLASS))
            self._nodes = parse_nodes(self._store.all(NODE))
            self._seen = now


def parse_storage_classes(items: list[dict[str, Any]]) -> StorageClasses:
    """Parses storage classes. Of several defaults the newest counts, as for the API server."""
    defaults = sorted(
        (item["metadata"]["creationTimestamp"], item["metadata"]["name"])
        for item in items
        if (item["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    )
    provisioners = {item["metadata"]["name"]: item["provisioner"] for item in items}
    return StorageClasses(provisioners, defaults[-1][1] if defaults else None)


def parse_nodes(nodes: list[dict[str, Any]]) -> tuple[Mapping[str, str], ...]:
    """Returns what each node can allocate, by resource, leaving out nodes that do not say."""
    allocatable = ((node.get("status") or {}).get("allocatable") or {} for node in nodes)
    return tuple(each for each in allocatable if each)


def most_of(nodes: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """Returns the largest amount of each extended resource that any single node can allocate."""
    most: dict[str, int] = {}
    for node in nodes:
        for name, amount in node.items():
            if "/" in name:
                most[name] = max(most.get(name, 0), int(parse_quantity(amount)))
    return most


def offered_by(nodes: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Returns the extended resources that nodes can allocate, sorted."""
    return tuple(sorted(name for name, most in most_of(nodes).items() if most))
