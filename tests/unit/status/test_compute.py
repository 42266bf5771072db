"""What holds for every status?"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.conditions import (
    ConditionStatus,
    ConditionType,
    LLMDeploymentStatus,
    to_json,
)
from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import SPEC_HASH
from llmstack.models.report import Progress
from llmstack.observed import Observed, Pod
from llmstack.status import compute, compute_unreadable
from llmstack.status.answering import is_ahead
from llmstack.status.catalog import CATALOG
from tests.unit.desired.samples import deployment
from tests.unit.status.rows import ROWS
from tests.unit.status.rows.row import PROGRESS, PULL
from tests.unit.status.samples import (
    NOW,
    Container,
    W,
    after,
    conditions,
    crashed,
    failed_fetch,
    fetching,
    homeless,
    loading,
    observed,
    serving,
    workload,
)

CASES = [(snapshot, spec) for _, snapshot, spec, _ in ROWS]
PASSES = st.lists(st.sampled_from(CASES), min_size=1, max_size=5)


def run(passes: list[tuple[Observed, dict[str, Any]]]) -> list[LLMDeploymentStatus]:
    """The statuses of one deployment whose spec and cluster change, a minute apart."""
    found: list[LLMDeploymentStatus] = []
    last = LLMDeploymentStatus()
    for number, (snapshot, spec) in enumerate(passes):
        wanted = after(deployment(**spec), last)
        last = compute(wanted, snapshot, NOW + 60 * number)
        found.append(last)
    return found


@given(PASSES)
def test_all_six_conditions_are_always_there_and_known(passes: Any) -> None:
    for status in run(passes):
        assert [item.type for item in status.conditions] == [kind.value for kind in ConditionType]
        for condition in status.conditions:
            assert condition.reason in CATALOG
            assert condition.message
            assert condition.observed_generation == status.observed_generation == 3


@given(PASSES)
def test_the_transition_time_moves_only_with_the_status(passes: Any) -> None:
    statuses = run(passes)
    for number, (before, now) in enumerate(pairwise(statuses), 1):
        for old, new in zip(before.conditions, now.conditions, strict=True):
            moved = old.last_transition_time != new.last_transition_time
            assert moved == (old.status != new.status)
            if moved:
                assert new.last_transition_time == f"2023-11-14T22:{13 + number}:20Z"


@given(PASSES)
def test_ready_is_true_exactly_when_someone_answers_or_nobody_is_needed(passes: Any) -> None:
    for (snapshot, spec), status in zip(passes, run(passes), strict=True):
        found = conditions(status)
        counted = snapshot.workload
        cut = {pod.name for pod in snapshot.pods if pod.ready} & snapshot.unreachable.keys()
        failing = snapshot.wedged | cut
        well = [pod for pod in snapshot.pods if pod.ready and pod.name not in failing]
        known = {pod.name for pod in snapshot.pods if not pod.terminating}
        ahead = any(is_ahead(pod, snapshot.answering) for pod in snapshot.pods)
        answering = bool((counted and counted.available) or ahead)
        answering = answering and bool(well or not failing & known)
        needless = bool(counted and counted.wanted == 0) and (
            spec.get("replicas") == 0 or spec.get("autoscaling", {}).get("minReplicas") == 0
        )
        valid = found["SpecValid"].status is ConditionStatus.TRUE
        ready = found["Ready"].status is ConditionStatus.TRUE
        assert ready == (answering or (valid and needless))


@given(PASSES)
def test_ready_repeats_the_condition_that_decides(passes: Any) -> None:
    for status in run(passes):
        found = conditions(status)
        ready = found.pop("Ready")
        coming_back = "with the previous spec restarting" in ready.message
        its_own = ready.reason in ("Pending", "ReplicaUnreachable") or coming_back
        if ready.status is ConditionStatus.FALSE and not its_own:
            assert ready.reason in {item.reason for item in found.values()}


@given(PASSES)
def test_a_second_look_at_the_same_cluster_changes_nothing(passes: Any) -> None:
    snapshot, spec = passes[-1]
    last = run(passes)[-1]
    again = compute(after(deployment(**spec), last), snapshot, NOW + 9999)
    assert to_json(again) == to_json(last)


@given(PASSES)
def test_the_status_survives_the_api_server(passes: Any) -> None:
    last = run(passes)[-1]
    assert LLMDeploymentStatus.model_validate(to_json(last)) == last


def test_counts() -> None:
    snapshot = observed(serving("a", slots=3), loading(name="b", slots=3))
    status = compute(deployment(slots=3), snapshot, NOW)
    assert (status.replicas, status.ready_replicas, status.replica_summary) == (2, 1, "1/2")
    assert status.slots == 3
    assert status.selector == (
        "app.kubernetes.io/component=llama-server,llmstack.dev/deployment=qwen"
    )


@pytest.mark.parametrize(
    ("sentence", "pods", "download"),
    [
        ("nothing is downloaded", [serving("a")], None),
        ("nobody has said yet how large it is", [fetching(Progress("m.gguf", 7))], None),
        ("it is on its way", [fetching(Progress("m.gguf", 29, 100))], "29%"),
        (
            "the replica that is furthest counts",
            [fetching(Progress("m.gguf", at, 100)) for at in (7, 60, 9)],
            "60%",
        ),
        ("it is all there, and is verified", [fetching(Progress("m.gguf", 100, 100))], "100%"),
    ],
)
def test_the_download(sentence: str, pods: list[Pod], download: str | None) -> None:
    assert compute(deployment(), observed(*pods), NOW).download == download, sentence


def test_slots_are_those_that_are_there_and_not_those_that_are_asked_for() -> None:
    old = serving("old", template_hash="old", slots=2)
    leaving = serving("leaving", template_hash="old", slots=2, terminating=True)
    snapshot = observed(old, leaving, homeless("0/1 nodes", slots=250), workload=workload(1, 1))
    assert compute(deployment(slots=250), snapshot, NOW).slots == 2


@pytest.mark.parametrize(
    ("sentence", "child", "url"),
    [
        ("no Service leads to the gateway", {}, None),
        ("one does", {"uid": "uid-1"}, "http://qwen.team-a/v1"),
        ("the Service of that name is somebody else's", {"uid": "other"}, None),
    ],
)
def test_the_url_is_told_when_it_leads_somewhere(
    sentence: str, child: dict[str, Any], url: str | None
) -> None:
    service = {"metadata": {"name": "qwen", "ownerReferences": [child]}}
    children = {("Service", "qwen"): service} if child else {}

    status = compute(deployment(), observed(serving(), children=children), NOW)

    assert status.url == url, sentence
    assert to_json(status).get("url") == url


def test_falling_asleep_keeps_what_was_known_of_the_model() -> None:
    wanted = deployment(replicas=0)
    awake = compute(wanted, observed(serving()), NOW)
    asleep = compute(after(wanted, awake), Observed(workload=workload(0)), NOW + 60)
    assert conditions(asleep)["ModelReady"] == conditions(awake)["ModelReady"]
    assert asleep.model == awake.model


def test_the_registrys_answer_stays_while_the_kubelet_does_not_repeat_it() -> None:
    def pulling(message: str) -> Observed:
        server = Container("llama-server", W, reason="ImagePullBackOff", message=message, image="x")
        return observed(loading(server))

    wanted = deployment()
    first = compute(wanted, pulling(PULL), NOW)
    second = compute(after(wanted, first), pulling('Back-off pulling image "x"'), NOW + 60)
    assert to_json(second) == to_json(first)


def test_a_long_message_is_cut() -> None:
    status = compute(deployment(), observed(loading(crashed("x" * 5000))), NOW)
    message = conditions(status)["Progressing"].message
    assert len(message) == 2048
    assert message.endswith("…")


class TestUnreadable:
    """The spec cannot even be parsed: an older schema let it through."""

    def status(self, last: LLMDeploymentStatus) -> LLMDeploymentStatus:
        return compute_unreadable(last, 7, "spec.slots: Input should be …", NOW + 60)

    def test_it_says_so(self) -> None:
        found = conditions(self.status(LLMDeploymentStatus()))
        assert list(found) == [kind.value for kind in ConditionType]
        for kind in ("SpecValid", "Ready"):
            assert (found[kind].status, found[kind].reason) == ("False", "InvalidSpec")
            assert found[kind].message == "spec.slots: Input should be …"
        assert found["ModelReady"].status is ConditionStatus.UNKNOWN

    def test_what_runs_is_still_counted(self) -> None:
        last = compute(deployment(), observed(serving()), NOW)
        status = self.status(last)
        assert status.ready_replicas == 1
        assert conditions(status)["ModelReady"] == conditions(last)["ModelReady"]
        assert status.observed_generation == 7

    def test_and_a_second_time_changes_nothing(self) -> None:
        once = self.status(compute(deployment(), observed(serving()), NOW))
        assert compute_unreadable(once, 7, "spec.slots: Input should be …", NOW + 99) == once


@pytest.mark.parametrize(
    ("sentence", "before", "now", "kept"),
    [
        ("the pods are replaced", {}, {}, True),
        ("another model", {}, {"model": {"source": "hf://o/r/other.gguf"}}, False),
        ("another checksum is expected", {}, {"model": {"sha256": "d" * 64}}, False),
        ("the known checksum is written down", {}, {"model": {"sha256": "c" * 64}}, True),
    ],
)
def test_what_is_known_of_the_model_belongs_to_that_model(
    sentence: str, before: dict[str, Any], now: dict[str, Any], kept: bool
) -> None:
    last = compute(deployment(**before), observed(serving()), NOW)
    wanted = after(deployment(**now), last)
    status = compute(wanted, observed(fetching(PROGRESS)), NOW + 60)
    assert status.model is not None
    assert (status.model.sha256 == "c" * 64) is kept, sentence


OTHER = {"model": {"source": "hf://o/r/other.gguf"}}


@pytest.mark.parametrize(
    ("sentence", "pods", "shown"),
    [
        ("the newest is on its way", [fetching(PROGRESS)], "model"),
        ("the newest is stuck", [failed_fetch("SourceNotFound", "404")], "model"),
        ("the newest answers, too", [serving("new")], "other"),
    ],
)
def test_the_model_that_answers_is_shown_until_the_next_one_does(
    sentence: str, pods: list[Any], shown: str
) -> None:
    last = compute(deployment(), observed(serving("old", template_hash="old")), NOW)
    snapshot = observed(serving("old", template_hash="old"), *pods)
    status = compute(after(deployment(**OTHER), last), snapshot, NOW + 60)
    assert status.model is not None
    assert status.model.name == shown, sentence


def test_before_the_newest_spec_is_applied_the_model_is_the_one_before() -> None:
    last = compute(deployment(), observed(serving()), NOW)
    children = {("Deployment", "qwen"): {"metadata": {"annotations": {SPEC_HASH: "before"}}}}
    wanted = after(deployment(**OTHER), last)
    assert compute(wanted, observed(serving(), children=children), NOW + 60).model == last.model


def test_the_model_as_the_download_reports_it() -> None:
    model = compute(deployment(), observed(serving()), NOW).model
    assert model is not None
    assert model.name == "model"
    assert (model.sha256, model.revision, model.size_bytes) == ("c" * 64, "abc", 144 * 2**20)
    assert (model.architecture, model.quantization) == ("llama", "Q8_0")
    assert (model.parameters, model.context_length) == (134_515_008, 8192)


def test_a_source_that_cannot_be_read_still_has_a_name() -> None:
    wanted = deployment()
    model = wanted.spec.model.model_copy(update={"source": "hf://o/r/m-00002-of-00003.gguf"})
    broken: LLMDeployment = replace(wanted, spec=wanted.spec.model_copy(update={"model": model}))
    found = compute(broken, observed(invalid="name the first part"), NOW).model
    assert found is not None
    assert found.name == "m-00002-of-00003"
