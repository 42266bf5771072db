"""What does the API server refuse, and does a user learn from its words what to write instead?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmstack.api.crd import schema
from llmstack.api.schema import Schema
from llmstack.engines.llamacpp.owned_flags import OWNED, OwnedFlag
from tests.integration.apiserver import ApiServer
from tests.integration.gate import SOURCE, Gate, manifest


def model(**fields: Any) -> dict[str, Any]:
    return {"model": {"source": SOURCE, **fields}}


def engine(**fields: Any) -> dict[str, Any]:
    return {"engine": fields}


def accelerator(**fields: Any) -> dict[str, Any]:
    return {"accelerator": fields}


def pod(**fields: Any) -> dict[str, Any]:
    return {"pod": fields}


def mounted(path: str, **more: str) -> dict[str, Any]:
    """A volume, and where it is mounted."""
    mount = {"name": "a", "mountPath": path, **more}
    return {"volumes": [{"name": "a", "emptyDir": {}}], "volumeMounts": [mount]}


TYPES_AND_LIMITS = [
    ("a wrong type", {"slots": "four"}, "spec.slots in body must be of type integer"),
    ("a list that is none", engine(extraArgs="-v"), "must be of type array"),
    ("an object that is none", model(secretRef="token"), "must be of type object"),
    ("a number with a fraction", engine(promptCacheMemory=1.5), "must be of type integer,string"),
    ("an unknown field", {"slot": 4}, 'unknown field "spec.slot"'),
    ("an unknown field below", engine(extraArg=[]), 'unknown field "spec.engine.extraArg"'),
    ("no model", {"model": None}, "spec.model: Required value"),
    ("no source", {"model": {}}, "spec.model.source: Required value"),
    ("too few", {"slots": 0}, "spec.slots in body should be greater than or equal to 1"),
    ("too many", {"slots": 257}, "spec.slots in body should be less than or equal to 256"),
    ("too long", model(aliases=["a" * 129]), "spec.model.aliases[0]: Too long"),
    ("too many items", model(aliases=list("abcdefghijklmnopq")), "must have at most 16 items"),
    ("too many keys", pod(labels={f"k{i}": "" for i in range(33)}), "must have at most 32 items"),
    ("a word that is no choice", engine(mode="chat"), '"generate", "embed", "rerank"'),
    ("an alias twice", model(aliases=["a", "a"]), 'spec.model.aliases[1]: Duplicate value: "a"'),
    (
        "a variable twice",
        pod(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        'spec.pod.env[1]: Duplicate value: {"name":"A"}',
    ),
    ("no upper bound of replicas", {"autoscaling": {}}, "spec.autoscaling.maxReplicas: Required"),
    (
        "an impossible target",
        {"autoscaling": {"maxReplicas": 1, "targetSlotUtilization": 101}},
        "should be less than or equal to 100",
    ),
]

RULES = [
    (
        "a volume of two kinds",
        pod(volumes=[{"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}}]),
        "a volume must have exactly one of configMap, secret",
    ),
    (
        "a volume's name that is the operator's",
        pod(volumes=[{"name": "cache", "emptyDir": {}}]),
        "the names cache, source, tmp, server-key, source-token, ca and helpers are reserved",
    ),
    (
        "a volume's name",
        pod(volumes=[{"name": "a.b", "emptyDir": {}}]),
        "this name must consist of lower",
    ),
    (
        "a mount of no volume",
        pod(volumeMounts=[{"name": "a", "mountPath": "/etc/a"}]),
        "volumeMounts refers to a volume that is not in volumes",
    ),
    (
        "a mount over the models",
        pod(**mounted("/models/mine")),
        "/models, /source, /tmp, /run, /dev, /proc and /sys are reserved",
    ),
    ("a mount over everything", pod(**mounted("/")), "a mount path must be absolute"),
    ("a relative mount", pod(**mounted("etc")), "a mount path must be absolute"),
    ("a mount that climbs", pod(**mounted("/etc/../models")), "must not contain '..'"),
    ("a path that climbs", pod(**mounted("/etc/a", subPath="../b")), "must not contain '..'"),
    (
        "a claim of a device from nowhere",
        pod(resourceClaims=[{"name": "nic"}]),
        "exactly one of resourceClaimName and resourceClaimTemplateName must be set",
    ),
    (
        "the claim of the accelerator twice",
        pod(resourceClaims=[{"name": "accelerator", "resourceClaimName": "a"}]),
        "the name accelerator is reserved for spec.accelerator.resourceClaim",
    ),
    (
        "a claim without a vendor",
        accelerator(resourceClaim={"resourceClaimName": "gpu"}),
        "remove resourceClaim, or set vendor to the device's vendor",
    ),
    (
        "a device by two ways",
        accelerator(
            vendor="nvidia", resourceClaim={"resourceClaimName": "a"}, resourceName="a.com/b"
        ),
        "resourceClaim and resourceName are mutually exclusive: remove one of them",
    ),
    (
        "a slice of a device among the limits",
        engine(resources={"limits": {"nvidia.com/mig-1g.10gb": 1}}),
        "request devices in spec.accelerator",
    ),
    (
        "a shared device among the limits",
        engine(resources={"limits": {"nvidia.com/gpu.shared": 1}}),
        "request devices in spec.accelerator",
    ),
    (
        "another operator",
        accelerator(tolerations=[{"key": "a", "operator": "In"}]),
        "supported values: Exists, Equal",
    ),
    (
        "another effect",
        accelerator(tolerations=[{"key": "a", "effect": "Never"}]),
        "supported values: NoSchedule, PreferNoSchedule, NoExecute",
    ),
    (
        "another access mode",
        {"cache": {"accessMode": "ReadOnlyMany"}},
        "supported values: ReadWriteMany, ReadWriteOnce",
    ),
    (
        "another policy",
        {"autoscaling": {"maxReplicas": 1, "behavior": {"scaleUp": {"selectPolicy": "Any"}}}},
        "supported values: Max, Min, Disabled",
    ),
    (
        "fixed replicas and an autoscaler",
        {"replicas": 2, "autoscaling": {"maxReplicas": 3}},
        "remove spec.replicas to autoscale, or remove spec.autoscaling",
    ),
    (
        "more context than llama-server counts",
        {"slots": 256, "contextLength": 16_777_216},
        "slots times contextLength exceeds 2147483647",
    ),
    (
        "bounds that are the wrong way round",
        {"autoscaling": {"minReplicas": 4, "maxReplicas": 3}},
        "minReplicas must not be greater than maxReplicas",
    ),
    ("a source without scheme", {"model": {"source": "a/b"}}, "a source must start with hf://"),
    ("an empty source", {"model": {"source": ""}}, "a source must start with hf://"),
    ("a space in a source", {"model": {"source": "hf://a/b/my model"}}, "must not contain spaces"),
    (
        "credentials in a source",
        {"model": {"source": "https://me:secret@host/m.gguf"}},
        "set spec.model.secretRef to that Secret",
    ),
    (
        "a web source without file",
        {"model": {"source": "https://host"}},
        "a web source must have the form https://host/path/file.gguf",
    ),
    (
        "a hub source without file",
        {"model": {"source": "hf://owner/repo"}},
        "a hub source must have the form hf://owner/repo/path/to/file.gguf",
    ),
    (
        "a hub source with an @ in its file's name",
        {"model": {"source": "hf://owner/repo/a@b.gguf"}},
        "write %40 for an @ that is part of the file name",
    ),
    (
        "a claim source without file",
        {"model": {"source": "pvc://claim"}},
        "a claim source must have the form pvc://claim/path/to/file.gguf",
    ),
    (
        "a later part of a split model",
        {"model": {"source": "hf://a/b/m-00002-of-00003.gguf"}},
        "for a split model, give the first part",
    ),
    (
        "the same of a projector",
        model(mmproj={"source": "m.gguf"}),
        "spec.model.mmproj.source: Invalid value",
    ),
    ("a sum that is cut off", model(sha256="abc"), "a SHA-256 must be 64 hexadecimal digits"),
    ("a sum with its kind", model(sha256=f"sha256:{'a' * 64}"), "as printed by sha256sum"),
    ("an alias with a space", model(aliases=["a b"]), "an alias must consist of letters, digits"),
    ("an empty alias", model(aliases=[""]), "must start with a letter or digit"),
    (
        "no object's name",
        model(secretRef={"name": "My_Token"}),
        "an object name must consist of lowercase",
    ),
    ("no image", engine(image="llama server"), "an image must be a reference without spaces"),
    (
        "a URL for a host",
        engine(mediaHosts=["https://images.example"]),
        "a host must be a lowercase host name",
    ),
    ("no quantity", engine(promptCacheMemory="lots"), "a quantity must be a non-negative number"),
    ("a negative quantity", engine(promptCacheMemory="-1Gi"), "a non-negative number"),
    ("a negative number", engine(promptCacheMemory=-1), "a non-negative number"),
    ("more than there is", engine(promptCacheMemory="2E"), "a quantity must be less than 1E"),
    ("a cache of no size", {"cache": {"size": "0Gi"}}, "this quantity must be greater than zero"),
    ("a cache of size 0", {"cache": {"size": 0}}, "this quantity must be greater than zero"),
    (
        "no quantity in a map",
        engine(resources={"requests": {"cpu": "two"}}),
        "spec.engine.resources.requests[cpu]: Invalid value",
    ),
    (
        "a GPU among the resources",
        engine(resources={"limits": {"nvidia.com/gpu": 1}}),
        "request devices in spec.accelerator",
    ),
    (
        "a resource that nothing knows",
        engine(resources={"requests": {"mem": "1Gi"}}),
        "a resource must be cpu, memory",
    ),
    (
        "a device without domain",
        accelerator(vendor="nvidia", resourceName="gpu"),
        "an extended resource includes a domain",
    ),
    (
        "a quantised cache without flash attention",
        engine(flashAttention="disabled", kvCacheType="q8_0"),
        "a quantized KV cache requires flash attention",
    ),
    ("layers on no GPU", engine(gpuLayers=3), "vendor cpu has no accelerator to offload"),
    ("a device of no vendor", accelerator(resourceName="x.y/z"), "vendor cpu requests no device"),
    ("device memory of no vendor", accelerator(memory="24Gi"), "vendor cpu has no device memory"),
    (
        "no key of a label",
        accelerator(nodeSelector={"a b": "c"}),
        "a key must be a name of at most 63",
    ),
    (
        "no value of a label",
        accelerator(nodeSelector={"a": "b c"}),
        "a label value must consist of at most",
    ),
    (
        "a toleration of nothing",
        accelerator(tolerations=[{"value": "x"}]),
        "set operator to Exists, or set key",
    ),
    (
        "a value that is not compared",
        accelerator(tolerations=[{"key": "k", "operator": "Exists", "value": "x"}]),
        "operator Exists ignores the value",
    ),
    (
        "seconds that never begin",
        accelerator(tolerations=[{"key": "k", "tolerationSeconds": 3}]),
        "tolerationSeconds requires effect NoExecute",
    ),
    (
        "a claim with a mode",
        {"cache": {"existingClaim": "models", "accessMode": "ReadWriteOnce"}},
        "existingClaim already has a storage class and an access mode",
    ),
    (
        "a label of the operator's",
        pod(labels={"llmstack.dev/deployment": "other"}),
        "keys under llmstack.dev/ and app.kubernetes.io/ are reserved",
    ),
    ("a variable of no value", pod(env=[{"name": "A"}]), "exactly one of value and valueFrom"),
    (
        "a variable of two values",
        pod(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}]),
        "exactly one of value and valueFrom",
    ),
    (
        "no name of a variable",
        pod(env=[{"name": "1A", "value": ""}]),
        "a variable name must consist of",
    ),
    (
        "a flag as a variable",
        pod(env=[{"name": "LLAMA_ARG_CTX_SIZE", "value": "1"}]),
        "variables starting with LLAMA_ set llama-server flags: use spec.engine",
    ),
    ("a flag with = its value", engine(extraArgs=["--temp=0.7"]), "must be separate entries"),
    ("a flag with its value", engine(extraArgs=["--temp 0.7"]), "must be separate entries"),
]

NAMES = [
    ("a name of 49 characters", "a" * 49, "metadata.name must be at most 48 characters"),
    ("a name that begins with a digit", "7b", "start with a letter"),
    ("a name with a point", "qwen2.5", "metadata.name is used as a Service name"),
    ("the name of another's Service", "qwen-replicas", "must not end in -replicas"),
]


@pytest.mark.parametrize(
    ("spec", "words"),
    [case[1:] for case in TYPES_AND_LIMITS + RULES],
    ids=[case[0] for case in TYPES_AND_LIMITS + RULES],
)
def test_refused(gate: Gate, spec: dict[str, Any], words: str) -> None:
    assert words in gate.refused(manifest(spec))


@pytest.mark.parametrize(
    ("name", "words"), [case[1:] for case in NAMES], ids=[case[0] for case in NAMES]
)
def test_refused_name(gate: Gate, name: str, words: str) -> None:
    assert words in gate.refused(manifest(name=name))


@pytest.mark.parametrize("owned", OWNED, ids=[owned.spellings[-1] for owned in OWNED])
def test_refused_flag(gate: Gate, owned: OwnedFlag) -> None:
    for flag in owned.spellings:
        spelled = "--" + flag[2:].replace("-", "_") if flag.startswith("--") else flag
        for written in {flag, spelled}:
            words = gate.refused(manifest(engine(extraArgs=["--temp", "0.7", written])))
            assert flag in words
            assert owned.instead.removeprefix("remove it: ") in words


def test_several_mistakes_are_told_at_once(gate: Gate) -> None:
    words = gate.refused(manifest({"slots": 0, **engine(extraArgs=["-c", "1", "--host", "::"])}))
    assert "spec.slots" in words
    assert "use spec.contextLength" in words
    assert "the gateway and the probes rely on it" in words


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"model": {"source": "hf://a/b/c d"}}, "spaces, backslashes or control characters"),
        ({"slot": 4}, 'unknown field "spec.slot"'),
    ],
)
def test_kubectl_shows_the_same_words(crd: ApiServer, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError) as error:
        crd.kubectl("apply", "-f", "-", stdin=json.dumps(manifest(spec)))
    assert words in str(error.value)


def rules(node: Schema) -> Iterator[str]:
    """The messages of all rules, those for flags of the operator's apart."""
    for rule in node.get("x-kubernetes-validations", []):
        if not rule["message"].startswith("extraArgs must not contain"):
            yield rule["message"]
    for child in node.get("properties", {}).values():
        yield from rules(child)
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from rules(node[key])


def test_every_rule_has_been_broken_here() -> None:
    broken = [case[-1] for case in RULES + NAMES]
    for message in rules(schema()):
        assert any(words in message for words in broken), message
