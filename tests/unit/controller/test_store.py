"""What does the store make of what it is told, late, twice, or in the wrong order?"""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.controller.projection import project
from llmstack.controller.store import Store
from llmstack.kube.kinds import CLAIM, DEPLOYMENT, LLM_DEPLOYMENT, NODE, POD, SERVICE
from tests.unit.controller.objects import model, thing

A = Key("team", "a")
Told = tuple[str, dict[str, Any]]


def seen(version: int, uid: str = "one", **content: Any) -> Told:
    return "MODIFIED", thing(version=version, uid=uid, **content)


def gone(version: int, uid: str = "one") -> Told:
    return "DELETED", thing(version=version, uid=uid)


STORIES: list[tuple[str, list[Told], str]] = [
    ("what was told is there", [seen(1)], "one@1"),
    ("newer replaces older", [seen(1), seen(2)], "one@2"),
    ("older does not replace newer", [seen(2), seen(1)], "one@2"),
    ("versions are numbers, not texts", [seen(9), seen(10)], "one@10"),
    ("deleted is gone", [seen(1), gone(2)], ""),
    ("a late event does not bring back what is gone", [seen(1), gone(3), seen(2)], ""),
    ("a deletion that comes twice", [seen(1), gone(2), gone(2)], ""),
    ("a deletion that comes before anything else", [gone(2), seen(1)], ""),
    ("made again under its name", [seen(1), gone(2), seen(3, "two")], "two@3"),
    ("made again, and the deletion comes late", [seen(1), seen(3, "two"), gone(2)], "two@3"),
    ("made again, and the old one is told of late", [seen(3, "two"), seen(1)], "two@3"),
    ("two that are gone, the older one told of late",
     [seen(1), seen(3, "two"), gone(4, "two"), seen(2)], ""),
    ("the label was taken off and is put back", [seen(1), gone(2), seen(3)], "one@3"),
    ("put back, and told late that it was off", [seen(1), seen(3), gone(2)], "one@3"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "told", "left"), STORIES, ids=[row[0] for row in STORIES])
def test_story(sentence: str, told: list[Told], left: str) -> None:
    store = Store()
    for how, body in told:
        store.note(POD, body, deleted=how == "DELETED")
    found = store.get(POD, "team", "a-1")
    identity = found and f"{found['metadata']['uid']}@{found['metadata']['resourceVersion']}"
    assert (identity or "") == left
    assert bool(store.owned(A, POD)) == bool(left)
    assert bool(store.all(POD, "team")) == bool(left)


def test_it_is_no_news_what_changes_only_the_version() -> None:
    store = Store()
    assert store.note(POD, thing(version=1))
    assert not store.note(POD, thing(version=1))
    assert not store.note(POD, thing(version=2))
    assert store.note(POD, thing(version=3, status={"phase": "Running"}))
    assert store.note(POD, thing(version=4), deleted=True)
    assert not store.note(POD, thing(version=4), deleted=True)


def test_an_own_deletion_is_final_whatever_is_told_later() -> None:
    store = Store()
    store.note(POD, thing(version=1))
    assert store.remove(POD, ("team", "a-1"), "a-1")
    assert not store.note(POD, thing(version=7))
    assert store.get(POD, "team", "a-1") is None


def test_an_own_deletion_of_another_one_of_the_name_takes_nothing_away() -> None:
    store = Store()
    store.note(POD, thing(version=3, uid="two"))
    assert not store.remove(POD, ("team", "a-1"), "one")
    assert store.get(POD, "team", "a-1")


def test_the_objects_of_a_deployment_are_found_by_its_label_and_kind() -> None:
    store = Store()
    store.note(POD, thing(name="a-1"))
    store.note(SERVICE, thing(SERVICE, "a"))
    store.note(POD, thing(name="b-1", owner="b"))
    store.note(POD, thing(name="a-2", namespace="other"))

    def found(*kinds: Any) -> list[str]:
        return [item["metadata"]["name"] for item in store.owned(A, *kinds)]

    assert found(POD) == ["a-1"]
    assert found(SERVICE, POD) == ["a-1", "a"]
    assert found(DEPLOYMENT) == []


def test_a_label_that_changes_moves_the_object() -> None:
    store = Store()
    store.note(POD, thing(version=1, owner="a"))
    store.note(POD, thing(version=2, owner="b"))
    assert store.owned(A, POD) == []
    assert len(store.owned(Key("team", "b"), POD)) == 1


def test_what_a_list_does_not_have_is_gone_unless_it_is_newer_than_the_list() -> None:
    store = Store()
    for name, version in (("old", 3), ("kept", 4), ("newer", 9)):
        store.note(POD, thing(name=name, version=version))
    store.note(POD, thing(name="old", version=3, namespace="other"))

    vanished = store.vanish(POD, "team", {"kept"}, 5)

    assert [body["metadata"]["name"] for body in vanished] == ["old"]
    assert [item["metadata"]["name"] for item in store.all(POD, "team")] == ["kept", "newer"]
    assert len(store.all(POD, "other")) == 1
    assert not store.note(POD, thing(name="old", version=3)), "a late event of it"


@pytest.mark.parametrize("scope", [None, "team"])
def test_what_a_list_did_not_have_is_not_believed_later_unless_it_is_newer(
    scope: str | None,
) -> None:
    store = Store()
    store.vanish(POD, scope, {"listed"}, 5)
    assert not store.note(POD, thing(POD, "a-1", 5, uid="gone"))
    assert store.note(POD, thing(POD, "a-2", 5, uid="listed")), "kopf tells of it only now"
    assert store.note(POD, thing(POD, "a-1", 6, uid="gone")), "its label was put back"


def test_an_empty_list_of_all_namespaces_takes_all_away() -> None:
    store = Store()
    store.note(LLM_DEPLOYMENT, model("a"))
    store.note(LLM_DEPLOYMENT, model("b"))
    assert len(store.vanish(LLM_DEPLOYMENT, None, set(), 5)) == 2
    assert store.deployments() == []


def test_deployments_are_found_by_namespace() -> None:
    store = Store()
    store.note(LLM_DEPLOYMENT, model("b"))
    store.note(LLM_DEPLOYMENT, model("a"))
    store.note(LLM_DEPLOYMENT, model("c", namespace="other", uid="c2"))
    assert store.deployments("team") == [A, Key("team", "b")]
    assert len(store.deployments()) == 3
    assert store.deployments("nowhere") == []


def test_what_is_read_can_be_changed_without_a_trace() -> None:
    store = Store()
    store.note(POD, thing(status={"phase": "Pending"}))
    read = store.get(POD, "team", "a-1")
    assert read
    read["status"]["phase"] = "Running"
    again = store.get(POD, "team", "a-1")
    assert again and again["status"] == {"phase": "Pending"}


def test_of_managed_fields_only_the_owners_of_replicas_are_kept() -> None:
    store = Store()
    body = thing(DEPLOYMENT, "a", spec={"replicas": 1})
    body["metadata"]["managedFields"] = [
        {"manager": "llmstack", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "llmstack-replicas", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:x": {}}}},
    ]
    store.note(DEPLOYMENT, body)
    (kept,) = store.all(DEPLOYMENT, "team")
    assert kept["metadata"]["managedFields"] == [
        {"manager": "llmstack-replicas", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    ]


def test_an_object_takes_no_more_memory_than_its_text() -> None:
    pods = [thing(POD, f"a-{n}", spec={"filler": f"{n} " + "x" * 3000}) for n in range(200)]
    tracemalloc.start()
    try:
        texts = [project(POD, pod) for pod in pods]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.2 * sum(len(text) for text in texts)


def test_of_a_node_only_what_it_can_allocate_is_kept() -> None:
    store = Store()
    offers = {"allocatable": {"cpu": "4"}}
    beats = {"conditions": [{"type": "Ready", "lastHeartbeatTime": "now"}]}
    node = thing(NODE, "n", owner="", namespace="", status=offers)
    assert store.note(NODE, node)
    node["metadata"]["resourceVersion"] = "2"
    node["status"] = {**offers, **beats}
    assert not store.note(NODE, node)
    assert [item["status"] for item in store.all(NODE)] == [offers]


def test_a_claim_that_is_shared_belongs_to_no_deployment() -> None:
    store = Store()
    store.note(CLAIM, thing(CLAIM, "cache", owner=""))
    assert store.owned(A, CLAIM) == []
    assert len(store.all(CLAIM, "team")) == 1
