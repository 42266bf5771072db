"""What does the operator know of the load, once it has read a line of the gateway's /load?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmstack.api.key import Key
from llmstack.routing.deaths import Death
from llmstack.routing.load import ReplicaState


@dataclass(frozen=True)
class PodLoad:
    """One replica: `id` is its pod, `state` one of ready, wedged, draining.

    Slots: `busy` of live leases, `draining` of ended ones that may still compute, `foreign` used
    by others than this gateway. `uncached`: it may reuse nothing of what it has computed, as it
    cannot keep tenants apart.
    """

    id: str
    state: str
    slots: int = 0
    busy: int = 0
    draining: int = 0
    foreign: int = 0
    uncached: bool = False

    @property
    def occupied(self) -> int:
        """Slots that compute or may compute, whoever uses them."""
        return self.busy + self.draining + self.foreign


@dataclass(frozen=True)
class ModelLoad:
    """One model: its replicas, the requests that wait, and the slots that these ask for.

    `slots_per_replica` is what its spec says; 0 if the gateway does not know it. `requests` counts
    those that named this model since the gateway's epoch began, whatever became of them: a short
    one that came and went between two lines shows in it. `deaths`: replicas that died under
    requests lately. `unreachable`: why ready replicas cannot be reached, by pod. `epoch` and
    `term`: which of several gateways tells it, and since when: a higher term is newer.
    """

    replicas: tuple[PodLoad, ...] = ()
    waiting: int = 0
    waiting_slots: int = 0
    requests: int = 0
    slots_per_replica: int = 0
    deaths: tuple[Death, ...] = ()
    unreachable: Mapping[str, str] = field(default_factory=dict)
    epoch: str = ""
    term: int = 0

    @property
    def ready(self) -> int:
        """Replicas that get new requests."""
        return sum(replica.state == ReplicaState.READY for replica in self.replicas)

    @property
    def total(self) -> int:
        """Slots of the ready replicas."""
        return sum(r.slots for r in self.replicas if r.state == ReplicaState.READY)

    @property
    def occupied(self) -> int:
        """Slots of all replicas that compute or may compute."""
        return sum(replica.occupied for replica in self.replicas)

    @property
    def wedged(self) -> frozenset[str]:
        """Names of the pods that accept connections but do not respond."""
        return frozenset(
            replica.id for replica in self.replicas if replica.state == ReplicaState.WEDGED
        )

    @property
    def answering(self) -> frozenset[str]:
        """Pods that get new requests."""
        return frozenset(
            replica.id for replica in self.replicas if replica.state == ReplicaState.READY
        )

    @property
    def uncached(self) -> frozenset[str]:
        """Pods that may reuse nothing, as they cannot keep tenants apart."""
        return frozenset(replica.id for replica in self.replicas if replica.uncached)


_NOTHING = ModelLoad()


@dataclass(frozen=True)
class GatewayLoad:
    """All models of the gateway that said so; `epoch` changes when it began anew.

    `shared`: there may be several gateways, and each tells of the models that it owns. `elsewhere`:
    replicas that died under its own requests of the others' models.
    """

    epoch: str = ""
    models: Mapping[Key, ModelLoad] = field(default_factory=dict)
    shared: bool = False
    elsewhere: Mapping[Key, tuple[Death, ...]] = field(default_factory=dict)


def server_changes(before: GatewayLoad, after: GatewayLoad) -> list[Key]:
    """The deployments that have other wedged, uncached, dead or unreachable servers now.

    Or one that answers and did not before. One that does so no more is told by other means.
    """
    return sorted(
        key
        for key in before.models.keys() | after.models.keys()
        if _differ(before.models.get(key, _NOTHING), after.models.get(key, _NOTHING))
    )


def _differ(before: ModelLoad, after: ModelLoad) -> bool:
    return _servers(before) != _servers(after) or not after.answering <= before.answering


def _servers(model: ModelLoad) -> tuple[object, ...]:
    return model.wedged, model.uncached, frozenset(model.deaths), dict(model.unreachable)
