"""What does /load contain? Which slots are in use: the gateway writes it, the operator reads it.

    {"version": 1, "epoch": "<of this process>", "models": {"<namespace/name>": {
        "total": 8, "busy": 5, "draining": 0, "foreign": 0, "ready": 2,
        "waiting": 3, "waitingSlots": 3, "requests": 71, "slotsPerReplica": 4,
        "corrections": {"foreign": 1},
        "deaths": [{"id": "3f2a9c1e07-1", "replica": "qwen-0", "at": 1764530000.5, "suspects": 1,
                    "tenant": "team-b", "request": "req-1"}],
        "unreachable": [{"id": "qwen-1", "why": "it accepts no connections"}],
        "replicas": [{"id": "qwen-0", "state": "ready", "slots": 4, "busy": 3, …}]}}}

`version` changes when the meaning of a field changes. `epoch` identifies the process: a new one
starts counting from 0. A model is left out until each of its ready replicas has been polled once in
this epoch. A replica that cannot keep tenants' caches apart, so that it must reuse nothing, has
`"uncached": true`. `deaths` are the latest replicas that died under requests, oldest first: when
(Unix time), the number of suspects, and whose request is blamed, "" if several may be.
`unreachable` lists replicas that are ready but have been unreachable for a while.
If there are several gateways, each reports the models that it owns, with the `term` in which it
became their owner: if two report the same model, the higher term is newer. Deaths under its own
requests for other models are in a `deaths` beside `models`, by model.
`requests` counts requests that named the model, with any outcome. `slotsPerReplica` is the number
in the model's spec, 0 if it has none.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from llmstack.api.key import Key
from llmstack.routing.deaths import Death
from llmstack.routing.load import VERSION, Load, ReplicaLoad
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad, PodLoad


def load_page(
    epoch: str,
    loads: Mapping[str, Load],
    slots: Mapping[str, int],
    uncached: Mapping[str, Collection[str]] = MappingProxyType({}),
    deaths: Mapping[str, Sequence[Death]] = MappingProxyType({}),
    unreachable: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    terms: Mapping[str, int] | None = None,
) -> bytes:
    """Returns the document as one line of JSON.

    By model id: `slots` intended per replica, the `uncached` replicas, the latest `deaths`, why
    replicas are `unreachable` (by replica id). `terms` of the owned models, None if there are no
    other gateways.
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


def parse_load(line: bytes) -> GatewayLoad:
    """Parse a line of /load. Raises ValueError for another version or an invalid line."""
    body = orjson.loads(line)
    if not isinstance(body, dict) or body.get("version") != VERSION:
        raise ValueError(f"/load speaks another version than {VERSION}: {line[:80]!r}")
    epoch, shared = str(body["epoch"]), "deaths" in body
    models = {
        _key(name): _parse_model(model, epoch if shared else "")
        for name, model in body["models"].items()
    }
    elsewhere = {
        _key(name): tuple(_parse_death(each) for each in deaths)
        for name, deaths in body.get("deaths", {}).items()
    }
    return GatewayLoad(epoch, models, shared, elsewhere)


def _key(name: str) -> Key:
    namespace, _, short = name.partition("/")
    return Key(namespace, short)


def _parse_model(body: Mapping[str, Any], epoch: str) -> ModelLoad:
    replicas = (
        PodLoad(
            each["id"],
            each["state"],
            each.get("slots", 0),
            each.get("busy", 0),
            each.get("draining", 0),
            each.get("foreign", 0),
            each.get("uncached", False),
        )
        for each in body.get("replicas", ())
    )
    return ModelLoad(
        tuple(replicas),
        body.get("waiting", 0),
        body.get("waitingSlots", 0),
        body.get("requests", 0),
        body.get("slotsPerReplica", 0),
        tuple(_parse_death(each) for each in body.get("deaths", ())),
        {str(each["id"]): str(each["why"]) for each in body.get("unreachable", ())},
        epoch,
        int(body.get("term", 0)),
    )


def _parse_death(body: Mapping[str, Any]) -> Death:
    return Death(
        str(body["id"]),
        str(body["replica"]),
        float(body["at"]),
        int(body["suspects"]),
        str(body.get("tenant", "")),
        str(body.get("request", "")),
    )
