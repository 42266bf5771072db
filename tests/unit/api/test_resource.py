"""What does an object from the API server say, once parsed?"""

from typing import Any

import pytest
from pydantic import ValidationError

from llmstack.api.accelerator import Vendor
from llmstack.api.conditions import (
    Condition,
    ConditionStatus,
    LLMDeploymentStatus,
    to_json,
)
from llmstack.api.engine import KvCacheType, Mode, Toggle
from llmstack.api.resource import parse
from llmstack.errors import InvalidSpec

SOURCE = "hf://owner/repo/model.gguf"


def body(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "llmstack.dev/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"namespace": "team-a", "name": "qwen", "uid": "u1", "generation": 3},
        "spec": {"model": {"source": SOURCE}, **spec},
    }


class TestIdentity:
    def test_comes_from_the_metadata(self) -> None:
        deployment = parse(body())
        assert (deployment.namespace, deployment.name, deployment.uid) == ("team-a", "qwen", "u1")
        assert deployment.generation == 3
        assert not deployment.deleting

    def test_an_object_with_a_deletion_timestamp_is_being_deleted(self) -> None:
        obj = body()
        obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        assert parse(obj).deleting


class TestDefaults:
    def test_of_a_spec_that_names_only_a_source(self) -> None:
        spec = parse(body()).spec
        assert spec.replicas is None
        assert spec.autoscaling is None
        assert (spec.slots, spec.context_length) == (4, 4096)
        assert spec.asked_context_length is None
        assert spec.accelerator.vendor is Vendor.CPU
        assert spec.accelerator.resource is None
        assert spec.engine.mode is Mode.GENERATE
        assert spec.engine.flash_attention is Toggle.AUTO
        assert spec.engine.kv_cache_type is KvCacheType.F16
        assert spec.cache.access_mode is None
        assert spec.lifecycle.wedge_seconds == 120

    def test_are_shared_by_no_two_deployments(self) -> None:
        one, two = parse(body()).spec, parse(body()).spec
        one.pod.labels["mine"] = "yes"
        assert two.pod.labels == {}

    def test_the_resource_is_the_vendors_unless_named(self) -> None:
        vendor = parse(body(accelerator={"vendor": "amd"})).spec
        assert vendor.accelerator.resource == "amd.com/gpu"
        named = parse(
            body(accelerator={"vendor": "nvidia", "resourceName": "nvidia.com/mig-1g.5gb"})
        )
        assert named.spec.accelerator.resource == "nvidia.com/mig-1g.5gb"


class TestLeniency:
    def test_a_quantity_may_be_a_number(self) -> None:
        spec = parse(body(engine={"promptCacheMemory": 0, "resources": {"requests": {"cpu": 2}}}))
        assert spec.spec.engine.prompt_cache_memory == "0"
        assert spec.spec.engine.resources.requests == {"cpu": "2"}

    def test_a_checksum_is_kept_in_lower_case(self) -> None:
        spec = parse(body(model={"source": SOURCE, "sha256": "AB" * 32})).spec
        assert spec.model.sha256 == "ab" * 32

    def test_a_field_of_a_later_version_is_ignored(self) -> None:
        assert parse(body(shiny=True)).spec.slots == 4


class TestStoredUnderAnotherSchema:
    @pytest.mark.parametrize(
        ("spec", "clause"),
        [
            ({"slots": 0}, "spec.slots: Input should be greater than or equal to 1"),
            ({"slots": "many"}, "spec.slots: Input should be a valid integer"),
            ({"model": {}}, "spec.model.source: Field required"),
            ({"accelerator": {"vendor": "abacus"}}, "spec.accelerator.vendor: Input should be"),
            ({"cache": {"size": "big"}}, "spec.cache.size: Value error, 'big' is not a quantity"),
            ({"cache": {"size": "1e99"}}, "spec.cache.size: Value error, '1e99' is out of range"),
            ({"autoscaling": {}}, "spec.autoscaling.maxReplicas: Field required"),
        ],
    )
    def test_each_field_that_is_off_is_named(self, spec: dict[str, Any], clause: str) -> None:
        with pytest.raises(InvalidSpec) as error:
            parse(body(**spec))
        assert clause in str(error.value)

    def test_all_of_them_are_named_at_once(self) -> None:
        with pytest.raises(InvalidSpec) as error:
            parse(body(slots=0, contextLength=1))
        assert "spec.slots" in str(error.value)
        assert "; spec.contextLength" in str(error.value)

    def test_a_status_that_cannot_be_read_is_written_anew(self) -> None:
        assert parse({**body(), "status": {"replicas": -1}}).status == LLMDeploymentStatus()


class TestFrozen:
    def test_nothing_parsed_can_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            parse(body()).spec.slots = 5  # type: ignore[misc]


class TestStatus:
    def test_what_is_not_known_is_left_out(self) -> None:
        assert to_json(LLMDeploymentStatus()) == {
            "replicas": 0,
            "readyReplicas": 0,
            "replicaSummary": "0/0",
            "slots": 0,
            "names": [],
            "selector": "",
            "conditions": [],
        }

    def test_it_reads_back_as_written(self) -> None:
        status = LLMDeploymentStatus(replicas=2, ready_replicas=1, replica_summary="1/2", slots=4)
        assert parse({**body(), "status": to_json(status)}).status == status

    def test_conditions_of_others_are_not_ours_to_compare_with(self) -> None:
        ours = Condition(
            type="Ready",
            status=ConditionStatus.TRUE,
            reason="Ready",
            message="1 of 1 replica ready",
            last_transition_time="2026-01-01T00:00:00Z",
        )
        theirs = ours.model_copy(update={"type": "example.com/Audited"})
        stored = to_json(LLMDeploymentStatus(conditions=[theirs, ours]))
        assert parse({**body(), "status": stored}).status.conditions == [ours]
