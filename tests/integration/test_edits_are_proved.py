"""An edit replaces a serving replica only once a Job has proved it.

Passes against a real API server. What controllers and kubelet would do, the tests do: they make the
pods of the Deployment and of the Job, and write their status.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest

from llmstack.models.report import FetchFailure, encode_termination
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import SOURCE, Namespace
from tests.integration.inprocess import Passes, passes
from tests.unit.status.samples import REPORT

_numbers = count()
SHARED = {"accessMode": "ReadWriteOnce", "size": "1Gi"}
SERVING = {"cache": SHARED}
TYPO: dict[str, Any] = {"model": {"source": "http://models.internal/no-such.gguf"}, **SERVING}
OTHER: dict[str, Any] = {"model": {"source": "http://models.internal/other.gguf"}, **SERVING}
NOT_FOUND = FetchFailure("SourceNotFound", "the source has no such file (404)")
IMAGES = {"cpu": "cpu:1", "nvidia": "cuda:1"}


class Cluster:
    """One namespace, in which the test plays controllers and kubelet."""

    def __init__(self, space: Namespace, operator: Passes) -> None:
        self.space = space
        self._operator = operator
        self.run = lambda: operator.run(space.name)

    async def serve(self, **spec: Any) -> None:
        """Applies the deployment, and a replica of it answers."""
        self.space.apply(**spec)
        await self.run()
        self._status("pvc", "llmstack-cache-rwo", {"phase": "Bound"})
        self.replica(ready=True)
        await self.run()

    def template(self) -> Any:
        return self.space.need("deployment", "qwen")["spec"]["template"]

    def sources(self) -> str:
        """What the replicas of the template in use fetch."""
        return str(self.template()["spec"]["initContainers"][0]["args"])

    def replica(self, *, ready: bool, name: str = "qwen-1") -> None:
        """The Deployment has one replica of its template."""
        if self.space.get("pod", name) is None:
            self._pod(name, self.template())
        state = {"type": "Ready", "status": "True" if ready else "False"}
        self._status("pod", name, {"phase": "Running", "conditions": [state]})
        counts = dict.fromkeys(("replicas", "updatedReplicas"), 1)
        up = dict.fromkeys(("readyReplicas", "availableReplicas"), int(ready))
        newest = self.space.need("deployment", "qwen")["metadata"]["generation"]
        self._status("deployment", "qwen", {**counts, **up, "observedGeneration": newest})

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.space.kubectl("get", "job", "-o", "json"))[
            "items"
        ]
        return [job for job in found if "deletionTimestamp" not in job["metadata"]]

    def job(self) -> dict[str, Any]:
        (found,) = self.jobs()
        return found

    def tries(self, **fetch: Any) -> None:
        """The Job has a pod, whose fetch container stands like this."""
        job = self.job()
        name = f"{job['metadata']['name']}-x"
        if self.space.get("pod", name) is None:
            self._pod(name, job["spec"]["template"])
        entry = {"name": "fetch", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
        self._status("pod", name, {"phase": "Pending", "containerStatuses": [{**entry, **fetch}]})

    def fails(self, failure: FetchFailure = NOT_FOUND) -> None:
        ended = {"exitCode": 1, "message": encode_termination(failure), "reason": "Error"}
        waiting = {"reason": "CrashLoopBackOff"}
        self.tries(state={"waiting": waiting}, lastState={"terminated": ended}, restartCount=2)

    def succeeds(self) -> None:
        ended = {"exitCode": 0, "message": encode_termination(REPORT), "reason": "Completed"}
        self.tries(state={"terminated": ended})

    def condition(self, kind: str) -> tuple[Any, Any, str]:
        found = self.space.condition(kind)
        return found.get("status"), found.get("reason"), str(found.get("message"))

    def _pod(self, name: str, template: dict[str, Any]) -> None:
        metadata = {**template["metadata"], "name": name}
        spec = {**template["spec"], "nodeName": "node-1"}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.space.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(body))

    def _status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        body = json.dumps({"status": status})
        self.space.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", body)


@pytest.fixture
def space(crd: ApiServer) -> Iterator[Namespace]:
    name = f"edits-{next(_numbers)}"
    crd.kubectl("create", "namespace", name)
    crd.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(crd, name)


@pytest.fixture
async def cluster(space: Namespace) -> AsyncIterator[Cluster]:
    async with passes(space.server, server_images=IMAGES, gateway_pods={"a": "b"}) as operator:
        yield Cluster(space, operator)


async def test_the_first_rollout_and_one_of_what_never_served_need_no_proof(
    cluster: Cluster,
) -> None:
    cluster.space.apply(**TYPO)
    await cluster.run()
    cluster.replica(ready=False)
    cluster.space.apply(**OTHER)
    await cluster.run()
    assert cluster.jobs() == []
    assert "other.gguf" in cluster.sources()


async def test_a_source_that_does_not_exist_never_stops_the_replica_that_serves(
    cluster: Cluster,
) -> None:
    await cluster.serve(**SERVING)
    before = cluster.template()
    cluster.space.apply(**TYPO)
    await cluster.run()
    await cluster.run()
    assert cluster.template() == before
    assert "no-such.gguf" in str(cluster.job()["spec"]["template"]["spec"])
    assert cluster.condition("Ready")[:2] == ("True", "RollingOut")
    assert cluster.condition("Progressing")[:2] == ("True", "RollingOut")
    cluster.fails()
    for _ in range(3):
        await cluster.run()
    assert cluster.template() == before
    assert cluster.condition("Ready")[:2] == ("True", "SourceNotFound")
    assert "all run the previous spec" in cluster.condition("Ready")[2]
    assert cluster.condition("ModelReady")[:2] == ("False", "SourceNotFound")
    status, reason, message = cluster.condition("Progressing")
    assert (status, reason) == ("False", "SourceNotFound")
    assert NOT_FOUND.message in message
    newest = cluster.space.need("llmd", "qwen")
    seen = {item["observedGeneration"] for item in newest["status"]["conditions"]}
    assert seen == {newest["metadata"]["generation"]}


async def test_a_replica_that_restarts_meanwhile_is_one_of_the_spec_before(
    cluster: Cluster,
) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**TYPO)
    await cluster.run()
    cluster.fails()
    cluster.replica(ready=False)
    await cluster.run()
    cluster.space.apply(model={"source": "http://models.internal/another-typo.gguf"}, **SERVING)
    await cluster.run()
    await cluster.run()
    assert SOURCE in cluster.sources()
    assert cluster.condition("Ready")[0] == "False"
    # It may fetch anew: both sources are open to it.
    policy = str(cluster.space.need("networkpolicy", "qwen")["spec"])
    assert "'edit-proof'" not in policy


async def test_what_was_proved_is_rolled_out_and_the_job_goes(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**OTHER)
    await cluster.run()
    cluster.tries(state={"running": {}})
    await cluster.run()
    assert SOURCE in cluster.sources()
    cluster.succeeds()
    await cluster.run()
    assert "other.gguf" in cluster.sources()
    assert cluster.condition("Ready")[:2] == ("True", "RollingOut")
    await cluster.run()
    assert cluster.jobs() == []


async def test_the_jobs_own_word_counts_too(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**OTHER)
    await cluster.run()
    name = cluster.job()["metadata"]["name"]
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    times = {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z"}
    cluster._status("job", name, {"conditions": conditions, "succeeded": 1, **times})
    await cluster.run()
    assert "other.gguf" in cluster.sources()


async def test_a_source_that_appears_is_rolled_out(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**OTHER)
    await cluster.run()
    cluster.fails()
    await cluster.run()
    assert SOURCE in cluster.sources()
    cluster.succeeds()
    await cluster.run()
    assert "other.gguf" in cluster.sources()


async def test_another_edit_is_proved_at_once_and_the_proof_of_the_first_counts_for_nothing(
    cluster: Cluster,
) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**OTHER)
    await cluster.run()
    cluster.succeeds()
    first = cluster.job()["metadata"]["name"]
    cluster.space.apply(**TYPO)
    await cluster.run()
    await cluster.run()
    assert cluster.job()["metadata"]["name"] != first
    assert SOURCE in cluster.sources()


async def test_an_edit_that_is_taken_back_leaves_nothing(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    before = cluster.template()
    cluster.space.apply(**TYPO)
    await cluster.run()
    cluster.fails()
    await cluster.run()
    cluster.space.apply(**SERVING)
    await cluster.run()
    await cluster.run()
    assert cluster.jobs() == []
    assert cluster.template() == before
    assert cluster.condition("Ready")[:2] == ("True", "Ready")


async def test_an_operator_that_dies_at_any_write_applies_nothing_unproved(
    cluster: Cluster,
) -> None:
    await cluster.serve(**SERVING)
    for write in count(1):
        cluster.space.apply(
            model={"source": f"http://models.internal/typo-{write}.gguf"}, **SERVING
        )
        died = await cluster._operator.die_at(write, cluster.space.name)
        await cluster.run()
        await cluster.run()
        assert SOURCE in cluster.sources()
        assert f"typo-{write}" in str(cluster.job()["spec"]["template"])
        if not died:
            break
    assert write > 1


async def test_scaling_goes_on_while_an_edit_is_proved(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**TYPO, replicas=2)
    await cluster.run()
    assert cluster.space.need("deployment", "qwen")["spec"]["replicas"] == 2
    assert SOURCE in cluster.sources()


def _edit(sentence: str, told: str, **spec: Any) -> Any:
    return pytest.param(told, spec, id=sentence)


MODEL = {"source": SOURCE}
EDITS = [
    _edit("the revision", "@v2", model={"source": "hf://o/r/m.gguf@v2"}, cache=SHARED),
    _edit("the sum", "a" * 64, model={**MODEL, "sha256": "a" * 64}, cache=SHARED),
    _edit(
        "the token", "hub-token", model={**MODEL, "secretRef": {"name": "hub-token"}}, cache=SHARED
    ),
    _edit(
        "a projector",
        "mmproj.gguf",
        model={**MODEL, "mmproj": {"source": "http://models.internal/mmproj.gguf"}},
        cache=SHARED,
    ),
    _edit("more context than the model has", "999424", contextLength=999424, cache=SHARED),
    _edit("an image", "no/such:image", engine={"image": "no/such:image"}, cache=SHARED),
    _edit("another cache", "mine", cache={"existingClaim": "mine"}),
    _edit("a claim", "weights", model={"source": "pvc://weights/m.gguf"}),
    _edit(
        "a vendor",
        "cuda:1",
        accelerator={"vendor": "nvidia", "count": 1},
        cache=SHARED,
    ),
    _edit(
        "nodes that are not there",
        "no-such-zone",
        accelerator={"vendor": "cpu", "nodeSelector": {"zone": "no-such-zone"}},
        cache=SHARED,
    ),
    _edit(
        "a pull secret",
        "no-such-secret",
        pod={"imagePullSecrets": [{"name": "no-such-secret"}]},
        cache=SHARED,
    ),
]


@pytest.mark.parametrize(("told", "spec"), EDITS)
async def test_these_edits_are_proved(cluster: Cluster, told: str, spec: dict[str, Any]) -> None:
    await cluster.serve(**SERVING)
    before = cluster.template()
    cluster.space.apply(**spec)
    await cluster.run()
    assert cluster.template() == before
    tried = cluster.job()["spec"]["template"]["spec"]
    assert told in str(tried)
    assert "nvidia.com/gpu" not in str([each["resources"] for each in tried["containers"]])


async def test_an_image_that_cannot_be_pulled_is_said(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(engine={"image": "no/such:image"}, **SERVING)
    await cluster.run()
    ended = {"exitCode": 0, "message": encode_termination(REPORT), "reason": "Completed"}
    cluster.tries(state={"terminated": ended})
    pull = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    entry = {"ready": False, "restartCount": 0, "imageID": ""}
    statuses = [
        {**entry, "name": "fetch", "image": "i", "state": {"terminated": ended}},
        {**entry, "name": "llama-server", "image": "no/such:image", "state": {"waiting": pull}},
    ]
    name = f"{cluster.job()['metadata']['name']}-x"
    cluster._status("pod", name, {"containerStatuses": statuses})
    await cluster.run()
    assert cluster.condition("Progressing")[:2] == ("False", "ImagePullFailed")
    assert cluster.condition("Ready")[:2] == ("True", "ImagePullFailed")
    assert "no/such:image" not in str(cluster.template())


async def test_what_needs_no_proof_is_applied_at_once(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(slots=2, **SERVING)
    await cluster.run()
    assert cluster.jobs() == []
    args = cluster.template()["spec"]["containers"][0]["args"]
    assert args[args.index("--parallel") + 1] == "2"


async def test_nothing_is_proved_where_it_is_not_wanted(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.apply(**TYPO, lifecycle={"proveEdits": False})
    await cluster.run()
    assert cluster.jobs() == []
    assert "no-such.gguf" in cluster.sources()


async def test_a_quota_that_refuses_the_job_holds_the_edit_and_is_said(cluster: Cluster) -> None:
    await cluster.serve(**SERVING)
    cluster.space.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    none = {"count/jobs.batch": "0"}
    cluster._status("quota", "none", {"hard": none, "used": none})
    cluster.space.apply(**OTHER)
    with pytest.raises(Exception, match="exceeded quota"):
        await cluster.run()
    assert SOURCE in cluster.sources()
    assert cluster.condition("SpecValid")[:2] == ("False", "RejectedByCluster")
    assert cluster.condition("Ready")[:2] == ("True", "RejectedByCluster")
