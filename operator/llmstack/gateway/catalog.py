"""Which models are there, under which names and with which replicas?

config file | cluster  ─> Catalog: a snapshot, replaced by the next one
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from llmstack.api.engine import Mode
from llmstack.api.names import Claim, full_name, holder
from llmstack.api.sharing import CacheSharing
from llmstack.gateway.http.backend import Backend
from llmstack.routing.budget import DEFAULT_QUEUE, QueueLimits


class Absence(StrEnum):
    """Why a model has no replica, according to whatever runs the replicas."""

    UNKNOWN = "no_replica"
    SLEEPING = "sleeping"
    STARTING = "starting"


@dataclass(frozen=True)
class Model:
    """What clients reach under one name.

    `namespace` is "" outside a cluster. `id` is unique: `namespace/name`, or `name` without a
    namespace. `slots` is the intended number per replica, 0 if only the replicas know. `absence`
    matters only while no replica is ready. `media_hosts` are the hosts from which its replicas may
    fetch images and the like. `obstacle` says why no replica can start until somebody acts, "" if
    one may (obstacle.py). `created`, `uid` and `held` decide who holds a name that several models
    claim (api/names.py).
    """

    name: str
    namespace: str = ""
    aliases: tuple[str, ...] = ()
    mode: Mode = Mode.GENERATE
    queue: QueueLimits = DEFAULT_QUEUE
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

    def accepting(self, backend: str) -> bool | None:
        """Returns whether a backend accepts requests, or None if the model does not have it."""
        return next((each.accepting for each in self.backends if each.id == backend), None)


@dataclass(frozen=True)
class Catalog:
    """All models at one moment."""

    models: tuple[Model, ...] = ()

    @cached_property
    def _claims(self) -> dict[str, tuple[Model, ...]]:
        """For each name the models that claim it, its holder first."""
        claims: dict[str, list[Model]] = {}
        for model in self.models:
            for name in model.claim.names:
                claims.setdefault(name, []).append(model)
        return {name: _ordered(name, models) for name, models in claims.items()}

    def named(self, name: str) -> Model | None:
        """Returns the model that holds this name, or None if nobody claims it."""
        claims = self._claims.get(name)
        return claims[0] if claims else None

    def called(self, name: str) -> tuple[Model, ...]:
        """Returns the models with this own name, of all namespaces, the name's holder first."""
        return tuple(model for model in self._claims.get(name, ()) if model.name == name)

    @cached_property
    def by_id(self) -> dict[str, Model]:
        return {model.id: model for model in self.models}

    def conflicts(self) -> dict[str, tuple[Model, ...]]:
        """Returns the names that several models claim, with these models, the holder first."""
        return {name: models for name, models in self._claims.items() if len(models) > 1}


def _ordered(name: str, models: list[Model]) -> tuple[Model, ...]:
    if len(models) == 1:
        return (models[0],)
    first = holder(name, (model.claim for model in models))
    return tuple(sorted(models, key=lambda model: model.claim is not first))


def catalog_of(models: Iterable[Model]) -> Catalog:
    """Builds a snapshot whose order does not depend on the order of `models`."""
    return Catalog(tuple(sorted(models, key=lambda model: model.id)))
