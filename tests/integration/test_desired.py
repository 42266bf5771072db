"""Does a real API server take what is built, and is what it makes of it no drift?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from llmstack.desired import build
from llmstack.desired.cache import claim_to_apply
from llmstack.desired.drift import needs_apply
from llmstack.desired.metadata import MANAGER, REPLICAS_MANAGER
from llmstack.desired.replicas import created_with, number_to_keep, replicas_owners
from llmstack.kube.client import identify
from tests.integration.apiserver import ApiServer
from tests.support.examples import ALL as SAMPLES
from tests.unit.desired.samples import CONTEXT, deployment
from tests.unit.desired.test_build import EVERYTHING

Object = dict[str, Any]
SPECS: dict[str, Object] = {
    "plain": {},
    "everything": EVERYTHING,
    "pvc": {"model": {"source": "pvc://mine/dir/m.gguf"}},
    "once": {"cache": {"accessMode": "ReadWriteOnce", "storageClassName": "fast"}},
    "spread": {
        "pod": {
            "topologySpreadConstraints": [
                {
                    "topologyKey": "kubernetes.io/hostname",
                    "maxSkew": 1,
                    "whenUnsatisfiable": "ScheduleAnyway",
                }
            ],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}
                        ]
                    }
                }
            },
        },
        "engine": {
            "resources": {
                "requests": {"cpu": "0.5", "memory": "1024Mi"},
                "limits": {"memory": "2048Mi"},
            }
        },
    },
    "volumes": {
        "pod": {
            "volumes": [
                {"name": "a", "configMap": {"name": "templates", "defaultMode": 292}},
                {"name": "b", "secret": {"secretName": "files", "optional": True}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "adapters"}},
                {"name": "d", "emptyDir": {"sizeLimit": "1024Mi"}},
                {"name": "e", "emptyDir": {}},
                {"name": "f", "projected": {"sources": [{"configMap": {"name": "templates"}}]}},
            ],
            "volumeMounts": [
                {"name": "a", "mountPath": "/etc/templates"},
                {"name": "b", "mountPath": "/mnt/files"},
                {"name": "c", "mountPath": "/mnt/adapters", "subPath": "one"},
                {"name": "d", "mountPath": "/mnt/scratch"},
            ],
            "fixedIds": False,
        },
    },
    "claims": {
        "accelerator": {
            "vendor": "nvidia",
            "resourceClaim": {"resourceClaimTemplateName": "gpu", "request": "one"},
        },
        "pod": {"resourceClaims": [{"name": "nic", "resourceClaimName": "nic"}]},
    },
    "hami": {
        "accelerator": {"vendor": "nvidia"},
        "engine": {"resources": {"limits": {"nvidia.com/gpumem": 3000, "nvidia.com/gpucores": 30}}},
    },
    "quantities": {
        "pod": {
            "env": [
                {"name": name, "valueFrom": {"resourceFieldRef": {"resource": what, **how}}}
                for name, what, how in (
                    ("A", "requests.cpu", {"divisor": 1}),
                    ("B", "requests.memory", {"divisor": "1024Ki"}),
                    ("C", "limits.memory", {"divisor": "1Mi"}),
                    ("E", "requests.memory", {}),
                )
            ]
        },
        "cache": {"size": "1024Gi"},
        "engine": {
            "resources": {
                "requests": {"cpu": 2, "memory": "1.5Gi"},
                "limits": {"cpu": "2000m", "memory": 2147483648},
            }
        },
        "autoscaling": {"maxReplicas": 2, "targetSlotUtilization": 100},
    },
    **{f"sample-{body['metadata']['name']}": body["spec"] for body in SAMPLES},
}
IMAGES = {**CONTEXT.server_images, "amd": "llama-server:rocm"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


class Server:
    """Applies and reads objects of one namespace in which only restricted pods may run."""

    namespace = "team-a"

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": self.namespace, "labels": labels}
        client.post("/api/v1/namespaces", json={"metadata": metadata})

    def apply(self, body: Object, manager: str = MANAGER, *, force: bool = True) -> Object:
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": force}
        return self._answer(self.client.patch(path(body), params=query, json=body, headers=APPLY))

    def edit(self, body: Object, patch: Object) -> Object:
        return self._answer(self.client.patch(path(body), json=patch, headers=MERGE))

    def delete(self, body: Object) -> None:
        self.client.delete(path(body), params={"propagationPolicy": "Background"})

    def create_pod(self, template: Object) -> Object:
        pod = {**template, "metadata": {**template["metadata"], "name": "dry"}}
        where = f"/api/v1/namespaces/{self.namespace}/pods"
        return self._answer(self.client.post(where, params={"dryRun": "All"}, json=pod))

    @staticmethod
    def _answer(response: httpx.Response) -> Object:
        body: Object = response.json()
        assert response.is_success, body["message"]
        assert "Warning" not in response.headers, response.headers["Warning"]
        return body


def path(body: Object) -> str:
    kind, namespace, name = identify(body)
    return kind.path(namespace, name)


def without_classes(template: Object) -> Object:
    """The template without what this cluster has not got."""
    absent = ("priorityClassName", "runtimeClassName")
    spec = {key: value for key, value in template["spec"].items() if key not in absent}
    return {**template, "spec": spec}


@pytest.fixture(scope="module")
def server(apiserver: ApiServer) -> Iterator[Server]:
    with apiserver.client() as client:
        yield Server(client)


@pytest.fixture(params=SPECS)
def objects(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[Object, ...]]:
    wanted = deployment(name=f"d-{request.param}", **SPECS[request.param])
    context = replace(CONTEXT, ca_bundle="PEM", fetch_env={"HF_ENDPOINT": "http://h"})
    items = build(wanted, replace(context, server_images=IMAGES))
    yield items
    for item in items:
        server.delete(item)


def test_what_was_applied_is_no_drift_and_a_second_apply_changes_nothing(
    server: Server, objects: tuple[Object, ...]
) -> None:
    for item in objects:
        live = server.apply(item)
        assert not needs_apply(item, live), item["kind"]
        if item["kind"] == "PersistentVolumeClaim":
            continue  # never applied twice: claim_to_apply
        again = server.apply(item)
        assert again["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


def test_the_pods_meet_the_restricted_standard(server: Server, objects: tuple[Object, ...]) -> None:
    for item in objects:
        if item["kind"] == "ServiceAccount":
            server.apply(item)
        if item["kind"] == "Deployment":
            pod = server.create_pod(without_classes(item["spec"]["template"]))
            assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("kind", "name", "patch"),
    [
        ("Deployment", "edited", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 3}}}}),
        ("Deployment", "edited", {"metadata": {"labels": {"app.kubernetes.io/part-of": None}}}),
        ("Deployment", "edited", {"spec": {"template": {"metadata": {"annotations": None}}}}),
        (
            "Service",
            "edited-replicas",
            {"spec": {"selector": {"other": "x", "llmstack.dev/deployment": None}}},
        ),
        ("Service", "edited", {"spec": {"externalName": "elsewhere.example"}}),
        ("Service", "edited", {"spec": {"type": "ClusterIP", "externalName": None}}),
        ("NetworkPolicy", "edited", {"spec": {"ingress": [{}]}}),
        ("NetworkPolicy", "edited", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
        ("Secret", "edited-key", {"data": {"key": "ZWRpdGVk"}}),
        ("ServiceAccount", "edited", {"automountServiceAccountToken": None}),
        ("PodDisruptionBudget", "edited", {"spec": {"maxUnavailable": 0}}),
    ],
)
def test_an_edit_by_hand_is_seen_and_an_apply_puts_it_right(
    server: Server, kind: str, name: str, patch: Object
) -> None:
    items = build(deployment(name="edited"), CONTEXT)
    (item,) = (i for i in items if (i["kind"], i["metadata"]["name"]) == (kind, name))
    server.apply(item)
    edited = server.edit(item, patch)
    assert needs_apply(item, edited)
    assert not needs_apply(item, server.apply(item))
    server.delete(item)


def test_a_claim_grows_only(server: Server) -> None:
    def claim(size: str) -> Object:
        cache = {"accessMode": "ReadWriteMany", "size": size, "storageClassName": "none-such"}
        items = build(deployment(cache=cache), CONTEXT)
        (found,) = (item for item in items if item["kind"] == "PersistentVolumeClaim")
        return found

    first = claim_to_apply(claim("2Gi"), None)
    assert first is not None
    live = server.apply(first)
    assert claim_to_apply(claim("1Gi"), live) is None
    grown = claim_to_apply(claim("3Gi"), live)
    assert grown is not None
    # Until it is bound, the API server lets no claim grow; then its class has to allow it.
    with pytest.raises(AssertionError, match="spec is immutable after creation"):
        server.apply(grown)
    server.delete(first)


def test_an_edit_keeps_the_number_of_replicas(server: Server) -> None:
    (desired,) = (
        item for item in build(deployment(name="scaled"), CONTEXT) if item["kind"] == "Deployment"
    )
    live = server.apply(created_with(desired, 3))
    assert (live["spec"]["replicas"], replicas_owners(live)) == (3, {MANAGER})
    assert not needs_apply(desired, live)

    for _ in range(2):  # The second one as after a death in between.
        number = number_to_keep(desired, live)
        if number:
            live = server.apply(number, REPLICAS_MANAGER, force=False)
    assert (live["spec"]["replicas"], replicas_owners(live)) == (3, {MANAGER, REPLICAS_MANAGER})
    live = server.apply(desired)
    assert (live["spec"]["replicas"], replicas_owners(live)) == (3, {REPLICAS_MANAGER})

    scale = f"{path(desired)}/scale"
    query = {"fieldManager": REPLICAS_MANAGER}
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 5}}
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    assert server.client.put(scale, params=query, json={**body, "metadata": metadata}).is_success
    live = server.apply(desired)
    assert live["spec"]["replicas"] == 5
    assert number_to_keep(desired, live) is None
    server.delete(desired)
