"""What is kept of an object that a watch has told of?

All that a pass reads of it, as compact JSON: parsed only when a pass asks. Pure.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmstack.kube.kinds import DEPLOYMENT, NODE, STORAGE_CLASS, Kind

Object = dict[str, Any]
_REPLICAS: Object = {"f:spec": {"f:replicas": {}}}


def project(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """The text that is kept, without the resourceVersion: two alike tell the same."""
    # orjson's answer keeps the whole buffer that it was written in; a copy is as long as it is.
    return bytes(memoryview(orjson.dumps(_kept(kind, body), option=orjson.OPT_SORT_KEYS)))


def restore(text: bytes, version: int) -> Object:
    """The object as a pass reads it; a fresh one each time."""
    body: Object = orjson.loads(text)
    body["metadata"]["resourceVersion"] = str(version)
    return body


def _kept(kind: Kind, body: Mapping[str, Any]) -> Object:
    # The items of a list do not say what they are.
    head = {"apiVersion": kind.api_version, "kind": kind.kind}
    return {**_content(kind, body), **head, "metadata": _metadata(kind, body["metadata"])}


def _content(kind: Kind, body: Mapping[str, Any]) -> Object:
    if kind == NODE:  # The rest is long, and changes with each heartbeat.
        return {"status": {"allocatable": (body.get("status") or {}).get("allocatable") or {}}}
    if kind == STORAGE_CLASS:
        return {"provisioner": body.get("provisioner", "")}
    return dict(body)


def _metadata(kind: Kind, metadata: Mapping[str, Any]) -> Object:
    left_out = {"managedFields", "resourceVersion"}
    if kind == NODE:
        left_out |= {"annotations", "labels"}
    kept = {key: value for key, value in metadata.items() if key not in left_out}
    if kind == DEPLOYMENT:
        kept["managedFields"] = _owners_of_replicas(metadata.get("managedFields") or ())
    return kept


def _owners_of_replicas(entries: Any) -> list[Object]:
    """Of the managed fields, who owns `spec.replicas` (desired/replicas.py): the rest is long."""
    return [
        {"manager": entry.get("manager", ""), "fieldsV1": _REPLICAS}
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
