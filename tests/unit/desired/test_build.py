"""Which objects exist for a deployment?"""

import json
from dataclasses import replace
from typing import Any

import pytest

from llmstack.desired import GatewayPlace, build
from llmstack.desired.metadata import APPLIED_HASH, DEPLOYMENT_LABEL
from llmstack.errors import InvalidInput, InvalidSource, InvalidSpec
from tests.unit.desired.samples import CONTEXT, SOURCE, deployment

EVERYTHING = {
    "model": {
        "sha256": "a" * 64,
        "secretRef": {"name": "hf"},
        "mmproj": {"source": "https://example.org/p.gguf", "sha256": "b" * 64},
    },
    "accelerator": {
        "vendor": "nvidia",
        "count": 2,
        "memory": "24Gi",
        "runtimeClassName": "nvidia",
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "pool", "operator": "Equal", "value": "gpu"}],
    },
    "cache": {"accessMode": "ReadWriteMany"},
    "engine": {"extraArgs": ["--temp", "0"], "threads": 3},
    "pod": {
        "labels": {"team": "a"},
        "annotations": {"note": "x"},
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "pull"}],
        "env": [{"name": "A", "value": "1"}],
        "supplementalGroups": [44],
    },
}


@pytest.mark.parametrize(
    ("sentence", "spec", "kinds"),
    [
        (
            "a plain deployment",
            {},
            [
                "ServiceAccount",
                "Secret",
                "Service",
                "Service",
                "NetworkPolicy",
                "PodDisruptionBudget",
                "Deployment",
            ],
        ),
        (
            "with a shared cache its claim comes before the pods that mount it",
            {"cache": {"accessMode": "ReadWriteMany"}},
            [
                "ServiceAccount",
                "Secret",
                "PersistentVolumeClaim",
                "Service",
                "Service",
                "NetworkPolicy",
                "PodDisruptionBudget",
                "Deployment",
            ],
        ),
    ],
)
def test_the_objects_in_the_order_of_their_apply(
    sentence: str, spec: dict[str, Any], kinds: list[str]
) -> None:
    assert [item["kind"] for item in build(deployment(**spec), CONTEXT)] == kinds, sentence


def test_without_a_gateway_nothing_leads_there_and_nobody_is_kept_out() -> None:
    alone = replace(CONTEXT, gateway=GatewayPlace())

    kinds = [item["kind"] for item in build(deployment(), alone)]

    assert kinds == ["ServiceAccount", "Secret", "Service", "PodDisruptionBudget", "Deployment"]


@pytest.mark.parametrize("spec", [{}, EVERYTHING])
def test_every_object_is_plain_json_with_its_labels_and_hash(spec: dict[str, Any]) -> None:
    for item in build(deployment(**spec), CONTEXT):
        assert json.loads(json.dumps(item)) == item
        assert item["metadata"]["namespace"] == "team-a"
        assert item["metadata"]["annotations"][APPLIED_HASH]
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "llm-stack"


def test_all_but_the_cache_belong_to_the_deployment() -> None:
    for item in build(deployment(**EVERYTHING), CONTEXT):
        references = item["metadata"].get("ownerReferences", [])
        if item["kind"] == "PersistentVolumeClaim":
            assert references == []
            assert DEPLOYMENT_LABEL not in item["metadata"]["labels"]
        else:
            (owner,) = references
            assert (owner["uid"], owner["controller"]) == ("uid-1", True)
            assert item["metadata"]["labels"][DEPLOYMENT_LABEL] == "qwen"


def test_building_twice_gives_the_same() -> None:
    assert build(deployment(**EVERYTHING), CONTEXT) == build(deployment(**EVERYTHING), CONTEXT)


@pytest.mark.parametrize(
    ("sentence", "spec", "error", "words"),
    [
        (
            "no image for the vendor",
            {"accelerator": {"vendor": "amd"}},
            InvalidSpec,
            "no llama-server image for amd is configured: set spec.engine.image",
        ),
        (
            "two claims",
            {"model": {"source": "pvc://one/m.gguf", "mmproj": {"source": "pvc://two/p.gguf"}}},
            InvalidSpec,
            "two claims, one and two: copy both",
        ),
        (
            "a later part of a split model",
            {"model": {"source": "hf://o/r/m-00002-of-00003.gguf"}},
            InvalidSource,
            "name the first part, m-00001-of-00003.gguf",
        ),
    ],
)
def test_a_spec_that_cannot_be_built_says_what_to_do(
    sentence: str, spec: dict[str, Any], error: type[InvalidInput], words: str
) -> None:
    with pytest.raises(error, match=words):
        build(deployment(**spec), CONTEXT)


def test_a_flag_that_the_operator_owns_is_refused_also_behind_the_schema() -> None:
    # An object stored under an older schema may still carry one.
    wanted = deployment()
    engine = wanted.spec.engine.model_copy(update={"extra_args": ["--port", "1"]})
    spec = wanted.spec.model_copy(update={"engine": engine})
    with pytest.raises(InvalidSpec, match="extraArgs"):
        build(type(wanted)(**{**wanted.__dict__, "spec": spec}), CONTEXT)


def test_the_sample_source_is_what_is_fetched() -> None:
    (item,) = (item for item in build(deployment(), CONTEXT) if item["kind"] == "Deployment")
    assert SOURCE in item["spec"]["template"]["spec"]["initContainers"][0]["args"]
