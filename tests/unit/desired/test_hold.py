"""When does the newest pod template wait, and for which proof?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmstack.desired import Context, Recorded, build
from llmstack.desired.hold import hold, with_hold
from llmstack.desired.pod_template import build_pod_template
from llmstack.desired.template import spec_hash
from llmstack.observed import Container, ContainerState, Observed, Pod, Proof, Workload
from tests.unit.desired.samples import CONTEXT, SOURCE, deployment

W, R, T = ContainerState.WAITING, ContainerState.RUNNING, ContainerState.TERMINATED
GPU: dict[str, Any] = {"accelerator": {"vendor": "nvidia", "count": 1}}
SHARED: dict[str, Any] = {"cache": {"accessMode": "ReadWriteOnce", "size": "1Gi"}}
OTHER: dict[str, Any] = {"model": {"source": "hf://owner/repo/other.gguf"}}
ANSWERS = Observed(pods=(Pod("qwen-1", "u", "Running", 0.0, node="n", ready=True),))
ASLEEP = Observed(workload=Workload(1, 1, 0, 0, 0, 0, 0))
MAY_SLEEP = {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}}
NODE = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}


def running(**spec: Any) -> Context:
    """The context of a deployment whose replicas run this spec."""
    wanted = deployment(**spec)
    template = build_pod_template(wanted, CONTEXT)
    return replace(CONTEXT, recorded=Recorded(spec_hash(wanted.spec), template))


def proof_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The hash of the proof that an edit waits for, "" if it does not wait."""
    held = hold(deployment(**after), running(**before), ANSWERS)
    return held.proof if held else ""


APPLIED = [
    ("the first rollout", CONTEXT, {**GPU, **OTHER}, ANSWERS),
    ("nothing has changed", running(**GPU), GPU, ANSWERS),
    ("what no pod depends on", running(**GPU), {**GPU, "replicas": 3}, ANSWERS),
    ("nothing serves", running(**GPU), {**GPU, **OTHER}, Observed()),
    (
        "what answers is on its way out",
        running(**GPU),
        {**GPU, **OTHER},
        Observed(pods=(replace(ANSWERS.pods[0], terminating=True),)),
    ),
    ("stopped on purpose", running(**GPU), {**GPU, **OTHER, "replicas": 0}, ASLEEP),
    ("the new replica starts beside the old one", running(), OTHER, ANSWERS),
    (
        "nothing new of what the shared cache holds",
        running(**SHARED),
        {**SHARED, "slots": 2},
        ANSWERS,
    ),
    (
        "the user takes the risk",
        running(**GPU),
        {**GPU, **OTHER, "lifecycle": {"proveEdits": False}},
        ANSWERS,
    ),
]


@pytest.mark.parametrize(
    ("sentence", "context", "spec", "observed"), APPLIED, ids=[row[0] for row in APPLIED]
)
def test_it_is_applied_at_once(
    sentence: str, context: Context, spec: dict[str, Any], observed: Observed
) -> None:
    assert hold(deployment(**spec), context, observed) is None


HELD = [
    ("another source", GPU, {**GPU, **OTHER}),
    ("a revision", GPU, {**GPU, "model": {"source": f"{SOURCE}@v2"}}),
    ("a sum", GPU, {**GPU, "model": {"sha256": "a" * 64}}),
    ("a token", GPU, {**GPU, "model": {"secretRef": {"name": "t"}}}),
    ("a vendor", SHARED, {**SHARED, **GPU}),
    ("an image", SHARED, {**SHARED, "engine": {"image": "x:1"}}),
    ("another cache", SHARED, {"cache": {"existingClaim": "mine"}}),
    ("a source on a claim", GPU, {**GPU, "model": {"source": "pvc://c/m.gguf"}}),
    ("longer slots than a model may have", SHARED, {**SHARED, "contextLength": 9999}),
    ("anything where each pod fetches anew", GPU, {**GPU, "slots": 2}),
]


@pytest.mark.parametrize(("sentence", "before", "after"), HELD, ids=[row[0] for row in HELD])
def test_it_waits_for_its_proof(
    sentence: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    proof = proof_of(before, after)
    assert proof
    wanted = deployment(**after)
    proved = replace(ANSWERS, proofs=(Proof(proof, succeeded=True),))
    assert hold(wanted, running(**before), proved) is None
    of_another = replace(ANSWERS, proofs=(Proof("another", succeeded=True),))
    assert hold(wanted, running(**before), of_another) is not None


def test_a_sleeping_model_is_kept_as_well() -> None:
    spec = {**GPU, **MAY_SLEEP}
    assert hold(deployment(**{**spec, **OTHER}), running(**spec), ASLEEP)


def test_a_replica_that_restarts_while_an_edit_is_held_lets_no_other_edit_through() -> None:
    restarting = Observed(proofs=(Proof("of the edit before"),))
    assert hold(deployment(**{**GPU, **OTHER}), running(**GPU), restarting)


def ended(name: str, code: int) -> Container:
    return Container(name, T, exit_code=code)


THROUGH = [
    ("all is there", ended("fetch", 0), ended("llama-server", 0), True),
    ("no image to prove", ended("fetch", 0), None, True),
    (
        "the driver's library is missing where there is no device",
        ended("fetch", 0),
        Container("llama-server", W, last_exit_code=127),
        True,
    ),
    ("nothing is known yet", None, None, False),
    ("it still fetches", Container("fetch", R), ended("llama-server", 0), False),
    ("it cannot be fetched", ended("fetch", 1), ended("llama-server", 0), False),
    ("fetch itself is missing", ended("fetch", 127), None, False),
    ("no llama-server", ended("fetch", 0), ended("llama-server", 1), False),
    ("the image is pulled", ended("fetch", 0), Container("llama-server", W), False),
]


@pytest.mark.parametrize(
    ("sentence", "fetch", "server", "through"), THROUGH, ids=[row[0] for row in THROUGH]
)
def test_what_its_pod_has_proved(
    sentence: str, fetch: Container | None, server: Container | None, through: bool
) -> None:
    after = {**SHARED, **OTHER}
    proof = proof_of(SHARED, after)
    pod = Pod("p", "u", "Running", 0.0, template_hash=proof, fetch=fetch, server=server)
    seen = replace(ANSWERS, proofs=(Proof(proof),), proof_pods=(pod,))
    assert (hold(deployment(**after), running(**SHARED), seen) is None) is through


REACH = [
    ("as much as a node has", {"requests": {"cpu": "4", "memory": "8Gi"}}, ""),
    ("more CPUs than any", {"requests": {"cpu": "5"}}, "Unschedulable"),
    ("more memory than any", {"limits": {"memory": "9Gi"}}, "Unschedulable"),
    ("more than one and the other", {"requests": {"cpu": "4", "memory": "9Gi"}}, "Unschedulable"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "resources", "reason"), REACH, ids=[row[0] for row in REACH])
def test_what_no_node_can_give_is_held_without_a_job(
    sentence: str, resources: dict[str, Any], reason: str
) -> None:
    nodes = (NODE, {"cpu": "1", "memory": "16Gi"} if "other" in sentence else {})
    wanted = deployment(**SHARED, engine={"resources": resources})
    context = with_hold(wanted, running(**SHARED), replace(ANSWERS, nodes=nodes))
    assert (context.held.reason if context.held else "") == reason
    assert "Job" not in {item["kind"] for item in build(wanted, context)}
    if context.held:
        assert "no node can provide a replica with" in context.held.message


def test_more_devices_than_any_node_has() -> None:
    wanted = deployment(accelerator={"vendor": "nvidia", "count": 8})
    held = hold(wanted, running(**GPU), replace(ANSWERS, nodes=(NODE,)))
    assert held is not None
    assert held.reason == "InsufficientAccelerators"
    assert "8 nvidia.com/gpu, but none has more than 1" in held.message


def test_what_runs_already_is_no_question_of_nodes() -> None:
    spec = {**SHARED, "engine": {"resources": {"requests": {"memory": "9Gi"}}}}
    wanted = deployment(**spec, slots=2)
    assert hold(wanted, running(**spec), replace(ANSWERS, nodes=(NODE,))) is None


def test_while_it_waits_the_template_in_use_stays_and_its_source_can_be_reached() -> None:
    before, after = running(**GPU), deployment(**GPU, model={"source": "http://new.corp:81/m.gguf"})
    objects = {item["kind"]: item for item in build(after, with_hold(after, before, ANSWERS))}
    assert before.recorded is not None
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    assert spec == before.recorded.template["spec"]
    ports = str(objects["NetworkPolicy"]["spec"]["egress"])
    assert "'port': 81" in ports
    assert "'port': 443" in ports


@pytest.mark.parametrize("cache", [{}, {"size": "5Gi"}, {"storageClassName": "fast"}])
def test_where_the_model_goes_with_the_pod_each_edit_has_to_find_it_again(
    cache: dict[str, Any],
) -> None:
    spec = {**GPU, "cache": cache}
    assert proof_of(spec, {**spec, "slots": 2})


def test_what_lies_on_a_claim_is_there_for_the_next_pod() -> None:
    spec = {**GPU, "model": {"source": "pvc://c/m.gguf"}}
    assert not proof_of(spec, {**spec, "slots": 2})
