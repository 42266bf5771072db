"""Which models are there, behind which names and replicas?

config file | cluster  ─> Catalog: a snapshot; the next one replaces it
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from llmstack.api.engine import Mode
from llmstack.api.names import Claim, full_name, holder
from llmstack.api.sharing import CacheSharing


@dataclass(frozen=True)
class Backend:
    """Where is a replica? `key` is sent as its bearer token; "" if it wants none.

    One that is not `accepting` (terminating, no longer ready) gets no new request; its streams go
    on. `leaving`: it terminates. `ready`: the cluster finds it ready, so it should answer.
    """

    id: str
    host: str
    port: int
    key: str = field(default="", repr=False)
    accepting: bool = True
    leaving: bool = False
    ready: bool = True

    @cached_property
    def lines(self) -> bytes:
        """Its name and its key, as the lines of a head."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        name = b"host: %b:%d\r\n" % (host.encode("ascii"), self.port)
        key = b"authorization: Bearer %b\r\n" % self.key.encode("latin-1")
        return name + key if self.key else name


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
    `obstacle`: why no replica can come up until somebody acts, "" if one may (obstacle.py).
    `created`, `uid` and `held` decide who has a name that several claim (api/names.py).
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
    obstacle: str = ""
    created: str = ""
    uid: str = ""
    held: frozenset[str] = frozenset()
    backends: tuple[Backend, ...] = ()

    @cached_property
    def id(self) -> str:
        return full_name(self.namespace, self.name)

    @cached_property
    def claim(self) -> Claim:
        return Claim(self.namespace, self.name, self.uid, self.created, self.aliases, self.held)


@dataclass(frozen=True)
class Catalog:
    """All models of one moment."""

    models: tuple[Model, ...] = ()

    @cached_property
    def _claims(self) -> dict[str, tuple[Model, ...]]:
        """By name, who claims it; the first has it."""
        claims: dict[str, list[Model]] = {}
        for model in self.models:
            for name in model.claim.names:
                claims.setdefault(name, []).append(model)
        return {name: _ordered(name, models) for name, models in claims.items()}

    def named(self, name: str) -> Model | None:
        """The model that has this name; None if nobody claims it."""
        claims = self._claims.get(name)
        return claims[0] if claims else None

    def called(self, name: str) -> tuple[Model, ...]:
        """The models whose own name this is, in whichever namespace; the one that has it first."""
        return tuple(model for model in self._claims.get(name, ()) if model.name == name)

    @cached_property
    def by_id(self) -> dict[str, Model]:
        return {model.id: model for model in self.models}

    def conflicts(self) -> dict[str, tuple[Model, ...]]:
        """By name that is claimed more than once, the models; the first has it."""
        return {name: models for name, models in self._claims.items() if len(models) > 1}


def _ordered(name: str, models: list[Model]) -> tuple[Model, ...]:
    if len(models) == 1:
        return (models[0],)
    first = holder(name, (model.claim for model in models))
    return tuple(sorted(models, key=lambda model: model.claim is not first))


def catalog_of(models: Iterable[Model]) -> Catalog:
    """The snapshot, in an order that does not depend on that of its parts."""
    return Catalog(tuple(sorted(models, key=lambda model: model.id)))
