"""Which pod template is applied: the one in use, or a new one?"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.desired import Context, Recorded, build
from llmstack.desired.metadata import KEY_HASH, SPEC_HASH, TEMPLATE, TEMPLATE_BEFORE, TEMPLATE_HASH
from llmstack.desired.template import before, place, places, read_recorded, spec_hash
from tests.unit.desired.samples import CONTEXT, built, deployment

NEWER = replace(CONTEXT, fetch_image="llm-stack:2", server_images={"cpu": "llama-server:next"})
SPEC: dict[str, Any] = {"slots": 2, "contextLength": 512}


def applied(context: Context = CONTEXT, **spec: Any) -> dict[str, Any]:
    return built("Deployment", context, **{**SPEC, **spec})


def upgraded(before: dict[str, Any], context: Context = NEWER, **spec: Any) -> dict[str, Any]:
    """What a newer operator applies after it has read what was applied before."""
    return applied(replace(context, recorded=read_recorded(before)), **spec)


def test_a_newer_operator_changes_no_pod() -> None:
    before = applied()
    assert upgraded(before) == before


def test_and_neither_does_the_one_after_it() -> None:
    before = applied()
    newest = replace(NEWER, fetch_image="llm-stack:3", fetch_env={"HF_ENDPOINT": "http://hub"})
    assert upgraded(upgraded(before), newest) == before


@pytest.mark.parametrize(
    ("sentence", "spec"),
    [
        ("scaling", {"replicas": 5}),
        ("autoscaling", {"autoscaling": {"minReplicas": 1, "maxReplicas": 3}}),
        ("the queue at the gateway", {"queue": {"maxRequests": 3}}),
        ("further names of the model", {"model": {"aliases": ["gpt-4o-mini"]}}),
        ("a default written out", {"engine": {"mode": "generate", "batchSize": 2048}}),
    ],
)
def test_what_no_pod_depends_on_changes_no_pod(sentence: str, spec: dict[str, Any]) -> None:
    before = applied()
    assert upgraded(before, **spec)["spec"]["template"] == before["spec"]["template"], sentence


EQUAL: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("bytes", {"memory": "1024Mi"}, {"memory": "1Gi"}),
    ("cores", {"cpu": "0.5"}, {"cpu": "500m"}),
    ("a number and its text", {"cpu": 2}, {"cpu": "2000m"}),
]


@pytest.mark.parametrize(("sentence", "one", "other"), EQUAL, ids=[row[0] for row in EQUAL])
def test_an_equal_quantity_in_other_words_changes_no_pod(
    sentence: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    def engine(requests: dict[str, Any]) -> dict[str, Any]:
        return {"resources": {"requests": requests}}

    before = applied(engine=engine(one))
    after = upgraded(before, CONTEXT, engine=engine(other))
    assert after["spec"]["template"] == before["spec"]["template"], sentence
    # And the next operator version still finds the template of this very spec.
    assert upgraded(after, engine=engine(other)) == after


def test_an_equal_size_of_the_volume_changes_no_pod() -> None:
    before = applied(cache={"size": "1024Gi"})
    after = upgraded(before, CONTEXT, cache={"size": "1Ti"})
    assert after["spec"]["template"] == before["spec"]["template"]


@pytest.mark.parametrize(
    "spec",
    [
        {"slots": 3},
        {"engine": {"mode": "embed"}},
        {"model": {"sha256": "a" * 64}},
        {"accelerator": {"nodeSelector": {"a": "b"}}},
        {"cache": {"size": "1Gi"}},
        {"lifecycle": {"drainSeconds": 5}},
        {"pod": {"labels": {"team": "a"}}},
    ],
)
def test_a_changed_spec_gets_the_newest_template(spec: dict[str, Any]) -> None:
    template = upgraded(applied(), **spec)["spec"]["template"]
    assert template["spec"]["initContainers"][0]["image"] == "llm-stack:2"
    assert template["spec"]["containers"][0]["image"] == "llama-server:next"


def test_a_context_length_written_down_as_the_default_changes_no_pod() -> None:
    """The API server once stored the default: an upgrade must not restart those deployments."""
    assert spec_hash(deployment().spec) == spec_hash(deployment(contextLength=4096).spec)


def test_another_key_restarts_the_pods_in_their_old_template() -> None:
    before = applied()
    after = upgraded(before, replace(NEWER, server_key="other"))
    old, new = (item["spec"]["template"] for item in (before, after))
    assert old["spec"] == new["spec"]
    assert old["metadata"]["annotations"][KEY_HASH] != new["metadata"]["annotations"][KEY_HASH]


def test_pods_say_from_which_template_they_are() -> None:
    before, after = applied(), upgraded(applied(), slots=3)
    hashes = [
        item["spec"]["template"]["metadata"]["annotations"][TEMPLATE_HASH]
        for item in (before, after)
    ]
    assert hashes[0] != hashes[1]
    assert before["metadata"]["annotations"][TEMPLATE_HASH] == hashes[0]


def test_the_key_itself_is_in_no_template() -> None:
    assert CONTEXT.server_key not in json.dumps(applied())


@pytest.mark.parametrize("name", [TEMPLATE, SPEC_HASH, TEMPLATE_HASH])
@pytest.mark.parametrize("value", ["", "{}", None])
def test_a_record_that_was_tampered_with_does_not_count(name: str, value: str | None) -> None:
    live = applied()
    annotations = {**live["metadata"]["annotations"], name: value}
    if name == SPEC_HASH and value == "{}":
        # It is still a record, only of no spec that there is.
        assert upgraded({"metadata": {"annotations": annotations}}) != live
    else:
        assert read_recorded({"metadata": {"annotations": annotations}}) is None


@pytest.mark.parametrize("live", [None, {"metadata": {}}, {"metadata": {"annotations": None}}])
def test_nothing_recorded(live: dict[str, Any] | None) -> None:
    assert read_recorded(live) is None


def noise(number: int) -> str:
    """4,096 letters that do not compress."""
    blocks = (hashlib.sha512(f"{number} {part}".encode()).digest() for part in range(48))
    return base64.b64encode(b"".join(blocks)).decode()[:4096]


def env(count: int, value: Callable[[int], str]) -> dict[str, Any]:
    values = [{"name": f"V{number}", "value": value(number)} for number in range(count)]
    return {"pod": {"env": values}}


def test_a_large_record_is_compressed() -> None:
    large = applied(**env(64, lambda _: "x" * 4096))
    assert len(large["metadata"]["annotations"][TEMPLATE]) < 8192
    assert upgraded(large, **env(64, lambda _: "x" * 4096))["spec"] == large["spec"]


def test_a_record_that_does_not_compress_is_in_a_config_map_of_its_template() -> None:
    objects = all_built(CONTEXT, **env(64, noise))
    workload, record = kind(objects, "Deployment"), kind(objects, "ConfigMap")
    assert place(workload) == record["metadata"]["name"]
    assert objects.index(record) < objects.index(workload)
    assert record["metadata"]["ownerReferences"] == workload["metadata"]["ownerReferences"]
    recorded = read_recorded(workload, record)
    after = all_built(replace(NEWER, recorded=recorded), **env(64, noise))
    assert kind(after, "Deployment")["spec"] == workload["spec"]
    assert kind(after, "ConfigMap") == record
    changed = all_built(replace(NEWER, recorded=recorded), slots=3, **env(64, noise))
    assert kind(changed, "ConfigMap")["metadata"]["name"] != record["metadata"]["name"]


def test_a_small_record_needs_no_config_map_and_is_readable() -> None:
    objects = all_built(CONTEXT)
    assert all(item["kind"] != "ConfigMap" for item in objects)
    assert kind(objects, "Deployment")["metadata"]["annotations"][TEMPLATE].startswith("{")


@pytest.mark.parametrize(
    "data", [None, {}, {"template": ""}, {"template": "zlib:AAAA"}, {"template": "zlib:%"}]
)
def test_a_config_map_that_is_gone_or_damaged_does_not_count(data: dict[str, str] | None) -> None:
    workload = kind(all_built(CONTEXT, **env(64, noise)), "Deployment")
    assert read_recorded(workload, None if data is None else {"data": data}) is None


def test_a_record_that_would_fill_the_memory_does_not_count() -> None:
    bomb = base64.b64encode(zlib.compress(b"[" * 64_000_000)).decode()
    live = applied()
    live["metadata"]["annotations"][TEMPLATE] = f"zlib:{bomb}"
    assert read_recorded(live) is None


@pytest.mark.parametrize("name", ["../secrets/a", "a/b", "", "A"])
def test_only_a_name_is_looked_up(name: str) -> None:
    assert place({"metadata": {"annotations": {TEMPLATE: f"configmap:{name}"}}}) == ""


def all_built(context: Context, **spec: Any) -> tuple[dict[str, Any], ...]:
    return build(deployment(**{**SPEC, **spec}), context)


def kind(objects: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [item for item in objects if item["kind"] == name]
    return found


def test_a_record_is_used_as_it_is() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"anything": 1}}
    recorded = Recorded(spec_hash(deployment(**SPEC).spec), template)
    found = applied(replace(CONTEXT, recorded=recorded))["spec"]["template"]
    assert found["spec"] == {"anything": 1}


@given(slots=st.integers(1, 256), context=st.integers(128, 4096), threads=st.integers(1, 8))
def test_equal_specs_have_equal_hashes(slots: int, context: int, threads: int) -> None:
    one = deployment(slots=slots, contextLength=context, engine={"threads": threads})
    other = deployment(engine={"threads": threads}, contextLength=context, slots=slots, replicas=2)
    assert spec_hash(one.spec) == spec_hash(other.spec)
    assert spec_hash(one.spec) != spec_hash(deployment(slots=slots, contextLength=context).spec)


@pytest.mark.parametrize(
    ("sentence", "now", "live", "named"),
    [
        ("nothing was in a ConfigMap", "", (), None),
        ("the record is where it was", "configmap:a", ("a",), None),
        ("it moves to another ConfigMap", "configmap:b", ("a",), "a"),
        ("it moves into the Deployment", "{}", ("a",), "a"),
        ("what was before is named as long as nothing changes", "configmap:b", ("b", "a"), "a"),
        ("the one before that is forgotten", "configmap:c", ("b", "a"), "b"),
        ("it comes back to the one before", "configmap:a", ("b", "a"), "b"),
    ],
)
def test_the_deployment_names_the_record_before(
    sentence: str, now: str, live: tuple[str, ...], named: str | None
) -> None:
    workload = {"metadata": {"annotations": {TEMPLATE: now}}}
    found = before(workload, live)
    assert found.get(TEMPLATE_BEFORE) == named, sentence
    workload["metadata"]["annotations"] |= found
    assert named is None or named in places(workload)
