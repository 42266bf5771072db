"""Which Job proves an edit?"""

from __future__ import annotations

from typing import Any

from llmstack.desired import build
from llmstack.desired.hold import with_hold
from llmstack.desired.metadata import Object, proof_job_name
from tests.unit.desired.samples import deployment
from tests.unit.desired.test_hold import ANSWERS, GPU, SHARED, running

OTHER = {"source": "hf://owner/repo/other.gguf"}


def job(before: dict[str, Any], **spec: Any) -> Object:
    wanted = deployment(**spec)
    objects = build(wanted, with_hold(wanted, running(**before), ANSWERS))
    (found,) = (item for item in objects if item["kind"] == "Job")
    return found


def pod(before: dict[str, Any], **spec: Any) -> Any:
    return job(before, **spec)["spec"]["template"]["spec"]


def test_it_fetches_into_a_cache_that_is_kept_and_takes_no_device() -> None:
    spec = pod({**SHARED, **GPU}, **SHARED, **GPU, model=OTHER)
    (fetch,) = spec["containers"]
    assert OTHER["source"] in fetch["args"]
    assert "--check" not in fetch["args"]
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "llmstack-cache-rwo"}} in spec[
        "volumes"
    ]
    assert "nvidia.com/gpu" not in str(fetch["resources"])
    assert "runtimeClassName" not in spec


def test_it_only_looks_where_nothing_could_be_kept() -> None:
    spec = pod(GPU, **GPU, model=OTHER)
    (fetch,) = spec["containers"]
    assert fetch["args"][-1] == "--check"
    (cache,) = (volume for volume in spec["volumes"] if volume["name"] == "cache")
    assert "emptyDir" in cache


def test_another_image_is_run() -> None:
    server, fetch = pod(SHARED, **SHARED, engine={"image": "x:1"})["containers"]
    assert (server["image"], server["args"], fetch["name"]) == ("x:1", ["--version"], "fetch")


def test_it_runs_where_the_replicas_may_and_where_their_volume_is() -> None:
    accelerator = {**GPU["accelerator"], "nodeSelector": {"zone": "a"}}
    spec = pod(SHARED, **SHARED, accelerator=accelerator)
    assert spec["nodeSelector"] == {"zone": "a"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert "affinity" not in pod(GPU, **GPU, model=OTHER)


def test_the_users_affinity_stays() -> None:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
    affinity = {"podAffinity": {required: [term]}, "nodeAffinity": {"x": "y"}}
    spec = pod(SHARED, **SHARED, model=OTHER, pod={"affinity": affinity})
    assert len(spec["affinity"]["podAffinity"][required]) == 2
    assert spec["affinity"]["nodeAffinity"] == {"x": "y"}


def test_its_pods_are_no_replicas() -> None:
    found = job(GPU, **GPU, model=OTHER, pod={"labels": {"team": "a"}, "annotations": {"x": "y"}})
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "edit-proof"
    assert labels["llmstack.dev/deployment"] == "qwen"
    assert labels["team"] == "a"
    assert found["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert found["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_each_edit_has_a_job_of_its_own_with_a_short_name() -> None:
    one = job(GPU, **GPU, model=OTHER)["metadata"]["name"]
    other = job(GPU, **GPU, model={"source": "hf://owner/repo/third.gguf"})["metadata"]["name"]
    assert one != other
    assert len(proof_job_name(deployment("q" * 48), "a" * 16)) <= 63


def test_what_the_server_mounts_is_mounted_to_see_whether_it_can_be() -> None:
    spec = pod(SHARED, **SHARED, model=OTHER)
    (fetch,) = spec["containers"]
    volumes = {each["name"] for each in spec["volumes"]}
    mounts = {each["name"] for each in fetch["volumeMounts"]}
    assert volumes == mounts == {"cache", "tmp", "server-key"}
    paths = [mount["mountPath"] for mount in fetch["volumeMounts"]]
    assert len(set(paths)) == len(paths)
