"""Which models are there, behind which names and replicas?

config file | cluster  ─> Catalog: a snapshot; the next one replaces it
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from llmstack.api.engine import Mode
from llmstack.api.sharing import CacheSharing


@dataclass(frozen=True)
class Backend:
    """Where is a replica? `key` is sent as its bearer token; "" if it wants none.

    One that is not `accepting` (terminating, not ready) gets no new request; its streams go on.
    `leaving`: it terminates.
    """

    id: str
    host: str
    port: int
    key: str = field(default="", repr=False)
    accepting: bool = True
    leaving: bool = False


class Absence(StrEnum):
    """Why is no replica there, as whoever runs them says?"""

    UNKNOWN = "no_replica"
    SLEEPING = "sleeping"
    STARTING = "starting"


@dataclass(frozen=True)
class QueueLimits:
    """How many requests wait, and how long, in seconds? `reserve`: see routing/reserve.py."""

    max_requests: int = 100
    timeout: float = 60.0
    cold_start_timeout: float = 600.0
    reserve: bool = False


@dataclass(frozen=True)
class Model:
    """What do clients reach by one name?

    `namespace` is "" outside a cluster. `id` is unique: `namespace/name`, or `name` without one.
    `slots` is what a replica is to have, 0 where only the replicas know. `absence` matters only
    while no replica is ready. `media_hosts`: where its replicas may fetch images and the like from.
    """

    name: str
    namespace: str = ""
    aliases: tuple[str, ...] = ()
    mode: Mode = Mode.GENERATE
    queue: QueueLimits = QueueLimits()
    wedge_seconds: float = 120.0
    cache_sharing: CacheSharing = CacheSharing.TENANT
    slots: int = 0
    absence: Absence = Absence.UNKNOWN
    media_hosts: frozenset[str] = frozenset()
    backends: tuple[Backend, ...] = ()

    @cached_property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Catalog:
    """All models of one moment."""

    models: tuple[Model, ...] = ()

    @cached_property
    def _claims(self) -> dict[str, tuple[Model, ...]]:
        claims: dict[str, tuple[Model, ...]] = {}
        for model in self.models:
            for name in dict.fromkeys((model.id, model.name, *model.aliases)):
                claims[name] = (*claims.get(name, ()), model)
        return claims

    def named(self, name: str) -> tuple[Model, ...]:
        """Who claims this name? One: it is meant. None: unknown. Several: refused, all named."""
        return self._claims.get(name, ())

    @cached_property
    def by_id(self) -> dict[str, Model]:
        return {model.id: model for model in self.models}

    def conflicts(self) -> dict[str, tuple[Model, ...]]:
        """Which names are claimed more than once?"""
        return {name: models for name, models in self._claims.items() if len(models) > 1}


def catalog_of(models: Iterable[Model]) -> Catalog:
    """The snapshot, in an order that does not depend on that of its parts."""
    return Catalog(tuple(sorted(models, key=lambda model: model.id)))
