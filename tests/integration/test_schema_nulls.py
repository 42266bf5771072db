"""Is a null, as Helm, kustomize and server-side apply write it, the same as no value?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmstack.api.crd import schema
from llmstack.api.resource import API_VERSION, PLURAL
from llmstack.api.schema import Schema
from tests.integration.apiserver import ApiServer
from tests.integration.gate import Object, manifest
from tests.integration.test_schema_defaults import FULL, understood

Path = tuple[str | int, ...]
SPEC = schema()["properties"]["spec"]


def optional(node: Schema, value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths in this value of all fields and keys that may be left out."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from optional(node["items"], item, (*path, index))
        return
    if not isinstance(value, dict):
        return
    if "additionalProperties" in node:
        yield from ((*path, key) for key in value)
        return
    for name, child in node.get("properties", {}).items():
        if name in value:
            if name not in node.get("required", ()):
                yield (*path, name)
            yield from optional(child, value[name], (*path, name))


def nulled(path: Path, spec: Object = FULL) -> tuple[Object, Object]:
    """The spec with null at this path, and without what is there."""
    null, none = copy.deepcopy(spec), copy.deepcopy(spec)
    for whole, change in ((null, lambda at, key: at.update({key: None})), (none, dict.pop)):
        place: Any = whole
        for step in path[:-1]:
            place = place[step]
        change(place, path[-1])
    return null, none


# One of the two values of a variable is required, a projector's own hash is not.
PATHS = [path for path in optional(SPEC, FULL) if path[:2] != ("pod", "env")]


@pytest.fixture(scope="module")
def server(crd: ApiServer) -> Iterator[httpx.Client]:
    with crd.client() as client:
        yield client


def written(client: httpx.Client, document: Object, *, applied: bool) -> httpx.Response:
    """What would the API server answer to a create or to a server-side apply? Nothing is kept."""
    where = f"/apis/{API_VERSION}/namespaces/default/{PLURAL}"
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    if not applied:
        return client.post(where, json=document, params=query)
    return client.patch(
        f"{where}/{document['metadata']['name']}",
        json=document,
        params={**query, "fieldManager": "test"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("applied", [False, True], ids=["created", "applied"])
def test_a_null_is_no_value(server: httpx.Client, path: Path, applied: bool) -> None:
    null, none = (written(server, manifest(spec), applied=applied) for spec in nulled(path))
    assert null.status_code == none.status_code, null.json()["message"]
    if null.is_success:
        assert understood(null.json()) == understood(none.json())
    else:  # Other fields need this one: the same words say so.
        assert null.json()["message"] == none.json()["message"]


def test_all_at_once(server: httpx.Client) -> None:
    top = {name: None for name in SPEC["properties"] if name not in ("model", "replicas")}
    answer = written(server, manifest(top), applied=True)
    assert answer.is_success, answer.json()["message"]
    assert understood(answer.json()) == understood(manifest())


def test_a_rule_holds_for_values_and_not_for_nulls(server: httpx.Client) -> None:
    """`has` of a null would let a value pass beside it, or refuse one."""
    env = {"name": "A", "value": "x", "valueFrom": None}
    assert written(server, manifest({"pod": {"env": [env]}}), applied=True).is_success
    claim = {"existingClaim": "mine", "storageClassName": None, "accessMode": None}
    assert written(server, manifest({"cache": claim}), applied=True).is_success
    both = {"name": "A", "value": None, "valueFrom": None}
    answer = written(server, manifest({"pod": {"env": [both]}}), applied=True)
    assert "exactly one of value and valueFrom must be set" in answer.json()["message"]


def test_replicas_of_the_scale_subresource_say_it_in_one_message(server: httpx.Client) -> None:
    assert written(server, manifest({"replicas": None}), applied=False).is_success
    answer = written(server, manifest({"replicas": None}), applied=True)
    assert "spec.replicas in body must be of type integer" in answer.json()["message"]
