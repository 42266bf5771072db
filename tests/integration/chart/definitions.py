"""Definitions as clusters may have them, and how a test brings and reads them."""

from __future__ import annotations

import copy
import json

from llmstack.api import crd
from llmstack.api.crd_update import VERSION_ANNOTATION
from tests.integration.apiserver import ApiServer
from tests.integration.chart.helm import Object

DEFINITION = f"customresourcedefinition/{crd.NAME}"
OURS = frozenset(crd.schema()["properties"]["spec"]["properties"])
"""The fields of our spec."""


def changed(version: str | None, **more: Object) -> Object:
    """Ours of another version: without a field, and with `more` fields of the spec."""
    body = copy.deepcopy(crd.definition())
    body["metadata"]["annotations"] = {} if version is None else {VERSION_ANNOTATION: version}
    spec = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["queue"]
    spec["properties"] |= more
    return body


def create(cluster: ApiServer, body: Object) -> None:
    """As Helm does it: by another manager, who owns all fields."""
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(body))
    cluster.kubectl("wait", "--for=condition=Established", DEFINITION, "--timeout=30s")


def remove(cluster: ApiServer) -> None:
    """And all objects with it."""
    cluster.kubectl("delete", DEFINITION, "--ignore-not-found", "--wait", "--timeout=30s")


def live(cluster: ApiServer) -> Object:
    """The definition in the cluster."""
    found: Object = json.loads(cluster.kubectl("get", DEFINITION, "--output=json"))
    return found


def fields(cluster: ApiServer) -> set[str]:
    """The fields of the spec that the cluster knows."""
    (version,) = live(cluster)["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])
