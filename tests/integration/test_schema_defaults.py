"""What does the API server fill in, and does the operator read it as it was meant?"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmstack.api.crd import schema
from llmstack.api.nulls import choices
from llmstack.api.resource import LLMDeployment, parse
from llmstack.api.schema import Schema
from tests.integration.gate import SOURCE, Gate, Object, manifest

FULL: Object = {
    "model": {
        "source": "https://models.example/m.gguf?v=2",
        "sha256": "AB" * 32,
        "secretRef": {"name": "token"},
        "aliases": ["gpt-4o-mini", "org/model:tag"],
        "mmproj": {"source": "pvc://models/mmproj.gguf", "sha256": "cd" * 32},
    },
    "slots": 8,
    "contextLength": 8192,
    "cacheSharing": "Deployment",
    "engine": {
        "image": "registry.example:5000/llama-server@sha256:" + "0" * 64,
        "mode": "embed",
        "extraArgs": ["--temp", "0.7", "--chat-template-kwargs", '{"a": "b = c"}', "-v"],
        "mediaHosts": ["images.example:8080"],
        "gpuLayers": 20,
        "flashAttention": "enabled",
        "kvCacheType": "q8_0",
        "promptCacheMemory": 0,
        "batchSize": 1024,
        "microBatchSize": 256,
        "threads": 4,
        "resources": {
            "requests": {
                "cpu": 2,
                "memory": "1.5Gi",
                "ephemeral-storage": "2e9",
                "example.com/nic": 1,
            },
            "limits": {"memory": "4Gi"},
        },
    },
    "accelerator": {
        "vendor": "nvidia",
        "count": 2,
        "resourceName": "nvidia.com/mig-1g.10gb",
        "memory": "10Gi",
        "nodeSelector": {"example.com/gpu": "h200", "zone": ""},
        "tolerations": [
            {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
            {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "runtimeClassName": "nvidia",
    },
    "cache": {"size": "100Gi", "storageClassName": "fast.io", "accessMode": "ReadWriteMany"},
    "autoscaling": {
        "minReplicas": 0,
        "maxReplicas": 8,
        "targetSlotUtilization": 100,
        "scaleToZeroAfterSeconds": 60,
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Min",
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1800}],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 3600,
                "selectPolicy": "Disabled",
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 1}],
            },
        },
    },
    "queue": {
        "maxRequests": 0,
        "timeoutSeconds": 1,
        "coldStartTimeoutSeconds": 60,
        "reserve": True,
    },
    "lifecycle": {
        "startupTimeoutSeconds": 60,
        "drainSeconds": 0,
        "wedgeSeconds": 10,
        "proveEdits": False,
    },
    "pod": {
        "labels": {"team": "a"},
        "annotations": {"example.com/note": "any text: at all"},
        "affinity": {"nodeAffinity": {"any": [{"thing": 1}]}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}],
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
        "env": [
            {"name": "A", "value": ""},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        "supplementalGroups": [44, 0],
        "fixedIds": False,
        "volumes": [
            {"name": "a", "configMap": {"name": "templates"}},
            {"name": "b", "secret": {"secretName": "files"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "adapters"}},
            {"name": "d", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "e", "projected": {"sources": [{"configMap": {"name": "templates"}}]}},
        ],
        "volumeMounts": [{"name": "a", "mountPath": "/etc/templates", "subPath": "one"}],
        "resourceClaims": [
            {"name": "nic", "resourceClaimName": "nic", "request": "one"},
            {"name": "link", "resourceClaimTemplateName": "link"},
        ],
    },
}
"""Every field of the spec that can stand beside the others."""


CREATED = "2026-11-30T00:00:00Z"


def understood(document: Object) -> LLMDeployment:
    """How does the operator read this? The identity is made up where there is none."""
    made_up = {"namespace": "default", "uid": "u", "generation": 1, "creationTimestamp": CREATED}
    return parse({**document, "metadata": {**document["metadata"], **made_up}})


class TestDefaults:
    def test_of_a_spec_that_names_only_a_source(self, gate: Gate) -> None:
        assert gate.accepted(manifest())["spec"] == {
            "model": {"source": SOURCE},
            "slots": 4,
            "engine": {
                "mode": "generate",
                "flashAttention": "auto",
                "kvCacheType": "f16",
                "promptCacheMemory": "1Gi",
                "batchSize": 2048,
                "microBatchSize": 512,
                "resources": {},
            },
            "accelerator": {"vendor": "cpu", "count": 1},
            "cache": {},
            "cacheSharing": "Tenant",
            "queue": {
                "maxRequests": 100,
                "timeoutSeconds": 60,
                "coldStartTimeoutSeconds": 600,
                "reserve": False,
            },
            "lifecycle": {
                "startupTimeoutSeconds": 1800,
                "drainSeconds": 120,
                "wedgeSeconds": 120,
                "proveEdits": True,
            },
            "pod": {},
        }

    def test_a_context_length_that_is_not_given_stays_told_from_one_that_is(
        self, gate: Gate
    ) -> None:
        left_out = understood(gate.accepted(manifest())).spec
        assert (left_out.context_length, left_out.asked_context_length) == (4096, None)
        given = understood(gate.accepted(manifest({"contextLength": 4096}))).spec
        assert given.asked_context_length == 4096

    def test_of_an_autoscaler_that_has_only_an_upper_bound(self, gate: Gate) -> None:
        spec = gate.accepted(manifest({"autoscaling": {"maxReplicas": 3}}))["spec"]
        assert spec["autoscaling"] == {
            "minReplicas": 1,
            "maxReplicas": 3,
            "targetSlotUtilization": 80,
            "scaleToZeroAfterSeconds": 900,
        }
        assert "replicas" not in spec

    def test_fill_in_what_is_null(self, gate: Gate) -> None:
        spec = gate.accepted(manifest({"slots": None, "engine": {"mode": None}}))["spec"]
        assert (spec["slots"], spec["engine"]["mode"]) == (4, "generate")

    def test_are_those_of_the_operator(self, gate: Gate) -> None:
        assert understood(gate.accepted(manifest())) == understood(manifest())

    def test_change_nothing_that_was_written(self, gate: Gate) -> None:
        assert gate.accepted(manifest(FULL))["spec"] == FULL
        assert understood(gate.accepted(manifest(FULL))) == understood(manifest(FULL))

    def test_the_full_example_has_every_field_that_it_can_have(self) -> None:
        left_out = {".replicas", ".cache.existingClaim", ".accelerator.resourceClaim"}
        assert missing("", schema()["properties"]["spec"], FULL) == left_out


def missing(path: str, node: Schema, value: Any) -> set[str]:
    """Which fields of the schema does no part of this value have?"""
    if "items" in node:
        parts = [missing(path, node["items"], item) for item in value]
        return set.intersection(*parts) if parts else set()
    if "properties" not in node:
        return set()
    found = set()
    for name, child in node["properties"].items():
        below = f"{path}.{name}"
        found |= missing(below, child, value[name]) if name in value else {below}
    return found


WELL_FORMED = {
    "source": [SOURCE, "https://host/m.gguf?a=b", "pvc://claim/m.gguf", "hf://a/b/c@main"],
    "sha256": ["ab" * 32, "AB" * 32],
    "image": ["registry.example/llama-server:cuda"],
    "extraArgs": ["--temp", "0.7", "-v", "a = b"],
    "mediaHosts": ["images.example", "images.example:8080"],
    "requests": ["cpu", "memory", "hugepages-2Mi", "example.com/nic"],
    "limits": ["cpu", "memory", "hugepages-2Mi", "example.com/nic"],
    "resourceName": ["nvidia.com/gpu"],
    "keys": ["name", "example.com/name", "A_B", "a.b-c"],
    "name": ["name", "other"],
    "value": ["", "Yes"],
}
OFF = ["", "A_B", "a/b", "--temp", "-c", "nvidia.com/gpu", "x" * 64, "é", "a\nb"]
QUANTITIES = ["1Gi", "500m", "2e3", "1E2", ".5", "5.", "+1", "3n", "7u", "1e-20", "1.50G"]
QUANTITIES_OFF = ["0", "0e3", "-1", "x", "1E", "9" * 33, "", "1e99"]


class Specs:
    """Values of about this schema; with `off`, some are not quite well formed."""

    def __init__(self, *, off: bool) -> None:
        self._off = off

    def of(self, node: Schema, name: str = "") -> st.SearchStrategy[Any]:
        if some := choices(node):
            return st.sampled_from(some)
        if "x-kubernetes-int-or-string" in node:
            return st.one_of(self._texts(QUANTITIES, QUANTITIES_OFF), st.integers(1, 2**40))
        if "x-kubernetes-preserve-unknown-fields" in node:
            return st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 9), max_size=2)
        return getattr(self, f"_{node['type']}")(node, name)

    def _boolean(self, _node: Schema, _name: str) -> st.SearchStrategy[bool]:
        return st.booleans()

    def _integer(self, node: Schema, _name: str) -> st.SearchStrategy[int | float]:
        """Within the bounds, at them, and as a number with a fraction of zero."""
        least, most = node["minimum"], node["maximum"]
        inside = st.integers(least, most)
        return st.one_of(inside, inside, inside, st.sampled_from([least, most]), inside.map(float))

    def _string(self, _node: Schema, name: str) -> st.SearchStrategy[str]:
        return self._texts(WELL_FORMED.get(name, WELL_FORMED["name"]), OFF)

    def _array(self, node: Schema, name: str) -> st.SearchStrategy[list[Any]]:
        kind = node["x-kubernetes-list-type"]
        unique = {"atomic": None, "set": repr, "map": lambda item: item.get("name")}[kind]
        return st.lists(self.of(node["items"], name), max_size=3, unique_by=unique)

    def _object(self, node: Schema, name: str) -> st.SearchStrategy[Object]:
        if "additionalProperties" in node:
            keys = self._texts(WELL_FORMED.get(name, WELL_FORMED["keys"]), OFF)
            return st.dictionaries(keys, self.of(node["additionalProperties"], name), max_size=2)
        fields = {name: self.of(child, name) for name, child in node["properties"].items()}
        required = {name: fields.pop(name) for name in node.get("required", [])}
        return st.fixed_dictionaries(required, optional=fields)

    def _texts(self, well_formed: list[str], off: list[str]) -> st.SearchStrategy[str]:
        good = st.sampled_from(well_formed)
        if not self._off:
            return good
        return st.one_of(*[good] * 8, st.sampled_from(off), st.text(max_size=8))


PROPERTIES = schema()["properties"]["spec"]["properties"]
BOUNDED = settings(deadline=None, suppress_health_check=list(HealthCheck))


class TestWhateverIsAccepted:
    @given(Specs(off=False).of(schema()["properties"]["spec"]))
    @settings(BOUNDED, max_examples=200)
    def test_is_understood_as_it_was_written(self, gate: Gate, spec: Object) -> None:
        self.judge(gate, manifest(spec))

    @pytest.mark.parametrize("field", PROPERTIES)
    def test_field_by_field(self, gate: Gate, field: str) -> None:
        accepted = []

        @given(Specs(off=True).of(PROPERTIES[field], field))
        @settings(BOUNDED, max_examples=80)
        def holds(value: Any) -> None:
            accepted.append(self.judge(gate, manifest({field: value})))

        holds()
        assert any(accepted), "the values are too far off to prove anything"

    def judge(self, gate: Gate, document: Object) -> bool:
        """Is it accepted? Then the operator reads what is stored as what was written."""
        answer = gate.judge(document)
        if answer.status_code == httpx.codes.CREATED:
            assert understood(answer.json()) == understood(document)
            return True
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, answer.text
        return False
