"""What of the whole cluster matters to a deployment, and changes seldom?

Storage classes and the devices of nodes are the same for all deployments: they are listed at most
once in a while, however many passes ask.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llmstack.api.quantity import parse_quantity
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import NODE, STORAGE_CLASS

_SECONDS = 10.0
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

T = TypeVar("T")


@dataclass(frozen=True)
class StorageClasses:
    """Provisioner by name, and the name of the default one."""

    provisioners: Mapping[str, str]
    default: str | None


class ClusterFacts:
    """Facts that are at most ten seconds old."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._classes = _Cached(self._list_classes, clock)
        self._nodes = _Cached(self._list_nodes, clock)

    async def storage_classes(self) -> StorageClasses:
        """Which storage classes are there?"""
        return await self._classes.get()

    async def nodes(self) -> tuple[Mapping[str, str], ...]:
        """What each node can allocate, by resource."""
        return await self._nodes.get()

    async def _list_classes(self) -> StorageClasses:
        return parse_storage_classes(await self._client.list(STORAGE_CLASS))

    async def _list_nodes(self) -> tuple[Mapping[str, str], ...]:
        return parse_nodes(await self._client.list(NODE))


def parse_storage_classes(items: list[dict[str, Any]]) -> StorageClasses:
    """Of several defaults the newest counts, as the API server has it."""
    defaults = sorted(
        (item["metadata"]["creationTimestamp"], item["metadata"]["name"])
        for item in items
        if (item["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    )
    provisioners = {item["metadata"]["name"]: item["provisioner"] for item in items}
    return StorageClasses(provisioners, defaults[-1][1] if defaults else None)


def parse_nodes(nodes: list[dict[str, Any]]) -> tuple[Mapping[str, str], ...]:
    """What each node can allocate, by resource; nodes that do not say are left out."""
    allocatable = ((node.get("status") or {}).get("allocatable") or {} for node in nodes)
    return tuple(each for each in allocatable if each)


def most_of(nodes: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """The most of each extended resource that any one node can allocate."""
    most: dict[str, int] = {}
    for node in nodes:
        for name, amount in node.items():
            if "/" in name:
                most[name] = max(most.get(name, 0), int(parse_quantity(amount)))
    return most


def offered_by(nodes: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """The extended resources that nodes can allocate, in order."""
    return tuple(sorted(name for name, most in most_of(nodes).items() if most))


class _Cached(Generic[T]):
    """One value, read again when it has become old; those who ask meanwhile wait for one read."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._read_at = float("-inf")

    async def get(self) -> T:
        async with self._lock:
            if self._value is None or self._clock() >= self._read_at + _SECONDS:
                started = self._clock()
                self._value = await self._read()
                self._read_at = started
            return self._value
