"""On which volumes do the model's files lie?"""

from typing import Any

import pytest

from llmstack.api.cache import CacheSpec
from llmstack.desired.cache import build_cache_claim, claim_to_apply
from llmstack.desired.metadata import cache_claim_name
from tests.unit.desired.samples import deployment, volume

SHARED = {"cache": {"accessMode": "ReadWriteMany", "storageClassName": "fast", "size": "10Gi"}}
ON_CLAIM = {"model": {"source": "pvc://mine/m.gguf"}}


@pytest.mark.parametrize(
    ("sentence", "spec", "kind"),
    [
        ("nothing is said: as much of the node's disk as the model takes", {}, "emptyDir"),
        ("a size gives every pod a volume of its own", {"cache": {"size": "7Gi"}}, "ephemeral"),
        ("so does a class", {"cache": {"storageClassName": "fast"}}, "ephemeral"),
        ("a shared claim", SHARED, "persistentVolumeClaim"),
        ("a claim of the user", {"cache": {"existingClaim": "mine"}}, "persistentVolumeClaim"),
        ("nothing is downloaded, nothing is claimed", ON_CLAIM, "emptyDir"),
        ("whatever the cache says", {**SHARED, **ON_CLAIM}, "emptyDir"),
        (
            "but a downloaded projector needs the cache",
            {
                "model": {**ON_CLAIM["model"], "mmproj": {"source": "https://e.org/p.gguf"}},
                "cache": {"size": "7Gi"},
            },
            "ephemeral",
        ),
    ],
)
def test_which_volume_the_cache_is(sentence: str, spec: dict[str, Any], kind: str) -> None:
    assert list(volume("cache", **spec)) == [kind], sentence


def test_the_claim_of_a_source_is_mounted_for_reading() -> None:
    claim = volume("source", **ON_CLAIM)["persistentVolumeClaim"]
    assert claim == {"claimName": "mine", "readOnly": True}


def test_the_disk_of_a_node_is_limited_by_the_node_alone() -> None:
    assert volume("cache") == {"emptyDir": {}}
    assert volume("cache", **ON_CLAIM)["emptyDir"] == {"sizeLimit": "16Mi"}, "nothing lies there"


def test_a_volume_without_a_size_has_50_gibibytes() -> None:
    template = volume("cache", cache={"storageClassName": "fast"})["ephemeral"][
        "volumeClaimTemplate"
    ]
    assert template["spec"]["resources"] == {"requests": {"storage": "50Gi"}}
    claim = build_cache_claim(deployment(cache={"accessMode": "ReadWriteMany"}))
    assert claim
    assert claim["spec"]["resources"] == {"requests": {"storage": "50Gi"}}


def test_a_pods_own_volume_has_size_and_class() -> None:
    cache = {"size": "7Gi", "storageClassName": "fast"}
    template = volume("cache", cache=cache)["ephemeral"]["volumeClaimTemplate"]
    spec = template["spec"]
    assert template["metadata"]["labels"]["llmstack.dev/deployment"] == "qwen"
    assert spec["resources"] == {"requests": {"storage": "7Gi"}}
    assert (spec["storageClassName"], spec["accessModes"]) == ("fast", ["ReadWriteOnce"])


@pytest.mark.parametrize(
    ("cache", "name"),
    [
        ({"accessMode": "ReadWriteMany"}, "llmstack-cache-rwx"),
        ({"accessMode": "ReadWriteOnce"}, "llmstack-cache-rwo"),
        ({"accessMode": "ReadWriteMany", "storageClassName": "fast"}, "llmstack-cache-fast-rwx"),
        ({"accessMode": "ReadWriteMany", "storageClassName": "rwo"}, "llmstack-cache-rwo-rwx"),
    ],
)
def test_one_claim_for_each_class_and_mode(cache: dict[str, str], name: str) -> None:
    assert cache_claim_name(CacheSpec.model_validate(cache)) == name


def test_long_class_names_give_names_that_are_short_enough_and_differ() -> None:
    names = {
        cache_claim_name(
            CacheSpec.model_validate(
                {"accessMode": "ReadWriteMany", "storageClassName": "a" * 252 + end}
            )
        )
        for end in "bc"
    }
    assert len(names) == 2
    assert max(map(len, names)) <= 253


@pytest.mark.parametrize(
    ("sentence", "spec"),
    [
        ("volumes of the pods need none", {}),
        ("the user's own claim", {"cache": {"existingClaim": "mine"}}),
        ("nothing is downloaded", {**SHARED, **ON_CLAIM}),
    ],
)
def test_no_claim_is_made(sentence: str, spec: dict[str, Any]) -> None:
    assert build_cache_claim(deployment(**spec)) is None, sentence


def claim(size: str, **live: Any) -> dict[str, Any]:
    """A live claim, with the defaults of the API server."""
    spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "fast",
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": size}},
        **live.pop("spec", {}),
    }
    return {"metadata": {"name": "llmstack-cache-fast-rwx", **live}, "spec": spec}


@pytest.mark.parametrize(
    ("sentence", "live", "applied"),
    [
        ("an absent claim is created", None, "10Gi"),
        ("an equal one is left alone", claim("10Gi"), None),
        ("also when it is written differently", claim("10240Mi"), None),
        ("a larger one never shrinks", claim("20Gi"), None),
        ("a smaller one grows", claim("9Gi"), "10Gi"),
        ("one that goes is left alone", claim("9Gi", deletionTimestamp="now"), None),
    ],
)
def test_a_shared_claim_only_grows(
    sentence: str, live: dict[str, Any] | None, applied: str | None
) -> None:
    wanted = build_cache_claim(deployment(**SHARED))
    assert wanted is not None
    found = claim_to_apply(wanted, live)
    size = found and found["spec"]["resources"]["requests"]["storage"]
    assert size == applied, sentence


def test_growing_repeats_what_cannot_be_changed() -> None:
    wanted = build_cache_claim(deployment(**SHARED))
    assert wanted is not None
    live = claim("1Gi", spec={"storageClassName": "other"})
    grown = claim_to_apply(wanted, live)
    assert grown is not None
    assert grown["spec"]["storageClassName"] == "other"
