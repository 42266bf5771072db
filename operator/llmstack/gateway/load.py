"""What does /load say? Who uses which slots, for whoever scales by them.

    {"version": 1, "epoch": "<of this process>", "models": {"<namespace/name>": {
        "total": 8, "busy": 5, "draining": 0, "foreign": 0, "ready": 2,
        "waiting": 3, "waitingSlots": 3, "requests": 71, "slotsPerReplica": 4,
        "corrections": {"foreign": 1},
        "deaths": [{"id": "3f2a9c1e07-1", "replica": "qwen-0", "at": 1764530000.5, "suspects": 1,
                    "tenant": "team-b", "request": "req-1"}],
        "unreachable": [{"id": "qwen-1", "why": "it takes no connection"}],
        "replicas": [{"id": "qwen-0", "state": "ready", "slots": 4, "busy": 3, …}]}}}

`version` changes when a field changes its meaning. An `epoch` ends with the process: counts start
anew with the next. A model is left out until each of its ready replicas was asked once since then.
A replica that cannot keep tenants' caches apart, and so may reuse nothing, has `"uncached": true`.
`deaths` are the newest replicas that died under requests, oldest first: when (Unix time), under how
many, and whose was to blame, "" if several may be.
`unreachable` are replicas that are ready, and that the gateway has not reached for a while.
Among several gateways each tells of the models that it owns, with the `term` in which it began to:
where two tell of one, the higher is the newer. What died under its own requests of other models
stands in a `deaths` beside `models`, by model.
`requests` counts those that named the model, whatever became of them. `slotsPerReplica` is what the
model's spec says, 0 where it says nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from llmstack.routing.deaths import Death
from llmstack.routing.load import VERSION, Load, ReplicaLoad


def load_page(
    epoch: str,
    loads: Mapping[str, Load],
    slots: Mapping[str, int],
    uncached: Mapping[str, Collection[str]] = MappingProxyType({}),
    deaths: Mapping[str, Sequence[Death]] = MappingProxyType({}),
    unreachable: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    terms: Mapping[str, int] | None = None,
) -> bytes:
    """The page, as one line of JSON.

    By model: `slots` a replica is to have, which replicas are `uncached`, the newest `deaths`, why
    replicas are `unreachable`, by id, and among several gateways the `terms` of owned models.
    """
    models = {
        model: {
            **_model(load, slots.get(model, 0), uncached.get(model, ()), deaths.get(model, ())),
            "unreachable": [
                {"id": id, "why": why} for id, why in sorted(unreachable.get(model, {}).items())
            ],
            **({"term": terms[model]} if terms is not None else {}),
        }
        for model, load in sorted(loads.items())
    }
    page = {"version": VERSION, "epoch": epoch, "models": models}
    if terms is not None:
        page["deaths"] = {
            model: [death._asdict() for death in told]
            for model, told in deaths.items()
            if told and model not in loads
        }
    return orjson.dumps(page)


def _model(
    load: Load, slots: int, uncached: Collection[str], deaths: Sequence[Death]
) -> dict[str, Any]:
    return {
        "total": load.total,
        "busy": load.busy,
        "draining": load.draining,
        "foreign": load.foreign,
        "ready": load.ready,
        "waiting": load.waiting,
        "waitingSlots": load.waiting_slots,
        "requests": load.requests,
        "slotsPerReplica": slots,
        "corrections": dict(load.corrections),
        "deaths": [death._asdict() for death in deaths],
        "replicas": [_replica(replica, replica.id in uncached) for replica in load.replicas],
    }


def _replica(replica: ReplicaLoad, uncached: bool) -> dict[str, Any]:
    return {
        "id": replica.id,
        "state": replica.state.value,
        "slots": replica.total,
        "busy": replica.busy,
        "draining": replica.draining,
        "foreign": replica.foreign,
        "overlap": replica.overlap,
        **({"uncached": True} if uncached else {}),
    }
