"""What is kept of an object that a watch has reported?

Everything that a pass reads of it, as compact JSON that is parsed only when a pass needs it. The
rest is left out, so that changes to it are not news and cause no pass. Pure.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmstack.kube.kinds import (
    AUTOSCALER,
    CLAIM,
    DEPLOYMENT,
    JOB,
    LLM_DEPLOYMENT,
    NODE,
    POD,
    STORAGE_CLASS,
    Kind,
)

Object = dict[str, Any]
_REPLICAS: Object = {"f:spec": {"f:replicas": {}}}

_CONDITIONS = "conditions"
_OF_CONDITIONS = ("type", "status", "reason", "message")
_OF_STATUS = {
    DEPLOYMENT: (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        _CONDITIONS,
    ),
    POD: (
        "phase",
        "reason",
        "message",
        "containerStatuses",
        "initContainerStatuses",
        _CONDITIONS,
    ),
    AUTOSCALER: ("desiredReplicas", _CONDITIONS),
    JOB: (_CONDITIONS,),
    CLAIM: ("phase",),
}
"""Fields of the status that are read, by kind; nothing of other children's status is. The times of
conditions are left out, since controllers update them at every check.
"""


def project(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """Returns the text to keep, without the resourceVersion. Equal texts mean equal objects."""
    # orjson's result keeps the whole buffer it was written in; a copy is only as long as needed.
    return bytes(memoryview(orjson.dumps(_kept(kind, body), option=orjson.OPT_SORT_KEYS)))


def restore(text: bytes, version: int) -> Object:
    """Returns the object as a pass reads it, a new one each time."""
    body: Object = orjson.loads(text)
    body["metadata"]["resourceVersion"] = str(version)
    return body


def _kept(kind: Kind, body: Mapping[str, Any]) -> Object:
    # The items of a list do not include their kind.
    head = {"apiVersion": kind.api_version, "kind": kind.kind}
    return {**_content(kind, body), **head, "metadata": _metadata(kind, body["metadata"])}


def _content(kind: Kind, body: Mapping[str, Any]) -> Object:
    if kind == NODE:  # The rest is long and changes with each heartbeat of the node.
        return {"status": {"allocatable": (body.get("status") or {}).get("allocatable") or {}}}
    if kind == STORAGE_CLASS:
        return {"provisioner": body.get("provisioner", "")}
    if kind == LLM_DEPLOYMENT or "status" not in body:
        return dict(body)
    return {**body, "status": _status(_OF_STATUS.get(kind, ()), body["status"] or {})}


def _status(fields: tuple[str, ...], status: Mapping[str, Any]) -> Object:
    kept = {name: status[name] for name in fields if name in status}
    if kept.get(_CONDITIONS):
        kept[_CONDITIONS] = [
            {name: condition[name] for name in _OF_CONDITIONS if name in condition}
            for condition in kept[_CONDITIONS]
        ]
    return kept


def _metadata(kind: Kind, metadata: Mapping[str, Any]) -> Object:
    left_out = {"managedFields", "resourceVersion"}
    if kind == NODE:
        left_out |= {"annotations", "labels"}
    kept = {key: value for key, value in metadata.items() if key not in left_out}
    if kind == DEPLOYMENT:
        kept["managedFields"] = _owners_of_replicas(metadata.get("managedFields") or ())
    return kept


def _owners_of_replicas(entries: Any) -> list[Object]:
    """Returns the managed fields about `spec.replicas` only (desired/replicas.py)."""
    return [
        {"manager": entry.get("manager", ""), "fieldsV1": _REPLICAS}
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
