"""How does a replica's pod look?"""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.desired.samples import CONTEXT, built, fetch, pod, server, volume

GPU = {"vendor": "nvidia"}
GPU_TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def test_it_meets_the_restricted_standard() -> None:
    spec = pod()
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_cache_belongs_to_the_group_without_a_walk_through_it_at_each_start() -> None:
    context = pod()["securityContext"]
    assert (context["fsGroup"], context["fsGroupChangePolicy"]) == (65532, "OnRootMismatch")


def test_a_drain_ends_before_the_pod_is_killed() -> None:
    spec = pod(lifecycle={"drainSeconds": 300})
    assert spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == [
        "llmstack-drain",
        "300",
    ]
    assert spec["terminationGracePeriodSeconds"] > 300


@pytest.mark.parametrize(
    ("sentence", "spec", "field", "expected"),
    [
        ("no device, no toleration", {}, "tolerations", None),
        (
            "the taint of the vendor's nodes is tolerated",
            {"accelerator": GPU},
            "tolerations",
            [GPU_TAINT],
        ),
        (
            "a slice lies on the same nodes",
            {"accelerator": {**GPU, "resourceName": "nvidia.com/mig-1g.10gb"}},
            "tolerations",
            [GPU_TAINT],
        ),
        (
            "the user's come with it",
            {"accelerator": {**GPU, "tolerations": [{"key": "pool", "effect": "NoExecute"}]}},
            "tolerations",
            [{"key": "pool", "effect": "NoExecute"}, GPU_TAINT],
        ),
        (
            "and are not doubled",
            {"accelerator": {**GPU, "tolerations": [GPU_TAINT]}},
            "tolerations",
            [GPU_TAINT],
        ),
        (
            "node labels",
            {"accelerator": {"nodeSelector": {"pool": "a"}}},
            "nodeSelector",
            {"pool": "a"},
        ),
        (
            "runtime class",
            {"accelerator": {**GPU, "runtimeClassName": "nvidia"}},
            "runtimeClassName",
            "nvidia",
        ),
        (
            "affinity as it is",
            {"pod": {"affinity": {"nodeAffinity": {}}}},
            "affinity",
            {"nodeAffinity": {}},
        ),
        ("priority", {"pod": {"priorityClassName": "high"}}, "priorityClassName", "high"),
        (
            "pull secrets",
            {"pod": {"imagePullSecrets": [{"name": "p"}]}},
            "imagePullSecrets",
            [{"name": "p"}],
        ),
    ],
)
def test_where_it_may_run(
    sentence: str, spec: dict[str, Any], field: str, expected: object
) -> None:
    assert pod(**spec).get(field) == expected, sentence


def test_supplemental_groups_open_device_files() -> None:
    context = pod(pod={"supplementalGroups": [44, 109]})["securityContext"]
    assert context["supplementalGroups"] == [44, 109]


@pytest.mark.parametrize(
    ("sentence", "constraint", "selector"),
    [
        (
            "a spread without a selector means the replicas",
            {"topologyKey": "zone", "maxSkew": 1},
            {"matchLabels": built("Deployment")["spec"]["selector"]["matchLabels"]},
        ),
        (
            "one with a selector is left alone",
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}},
            {"matchLabels": {"a": "b"}},
        ),
    ],
)
def test_spread(sentence: str, constraint: dict[str, Any], selector: dict[str, Any]) -> None:
    (found,) = pod(pod={"topologySpreadConstraints": [constraint]})["topologySpreadConstraints"]
    assert found["labelSelector"] == selector, sentence
    assert found["topologyKey"] == "zone"


def test_the_users_labels_and_annotations_come_with_ours() -> None:
    metadata = built("Deployment", pod={"labels": {"team": "a"}, "annotations": {"note": "x"}})[
        "spec"
    ]["template"]["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["llmstack.dev/deployment"] == "qwen"
    assert metadata["annotations"]["note"] == "x"


def test_of_the_users_secret_only_the_token_is_mounted_and_only_to_fetch() -> None:
    model = {"secretRef": {"name": "hf"}}
    secret = volume("source-token", model=model)["secret"]
    assert secret["items"] == [{"key": "token", "path": "token"}]
    assert "source-token" in {mount["name"] for mount in fetch(model=model)["volumeMounts"]}
    assert "source-token" not in {mount["name"] for mount in server(model=model)["volumeMounts"]}


def test_a_recorded_template_does_not_hang_when_the_bundle_is_gone() -> None:
    context = replace(CONTEXT, ca_bundle="PEM")
    assert volume("ca", context)["configMap"]["optional"] is True


def test_every_mount_has_its_volume_and_every_volume_its_mount() -> None:
    context = replace(CONTEXT, ca_bundle="PEM")
    spec = pod(context, model={"secretRef": {"name": "hf"}, "source": "pvc://claim/m.gguf"})
    containers = (*spec["initContainers"], *spec["containers"])
    mounted = {mount["name"] for item in containers for mount in item["volumeMounts"]}
    assert mounted == {item["name"] for item in spec["volumes"]}
