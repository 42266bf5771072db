"""Does a live object still say what was asked for?"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.desired import build
from llmstack.desired.drift import matches, needs_apply, with_applied_hash
from llmstack.desired.metadata import APPLIED_HASH
from tests.unit.desired.samples import CONTEXT, built, deployment
from tests.unit.desired.test_build import EVERYTHING

OBJECTS = build(deployment(**EVERYTHING), CONTEXT)
Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values that say something."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif value is not None and value != "":
        yield path


def changed(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value at this path; `new` None removes it."""
    result = copy.deepcopy(value)
    place = result
    for step in path[:-1]:
        place = place[step]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return result


SELECTORS = ("selector", "podSelector", "namespaceSelector", "matchLabels")


def with_defaults(value: Any) -> Any:
    """What an API server makes of an object: more fields everywhere but in selectors, empty ones
    dropped."""
    if isinstance(value, list):
        return [with_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: item if key in SELECTORS else with_defaults(item)
        for key, item in value.items()
        if item not in (None, "", [])
    }
    return {**kept, "defaultedByTheServer": "x"}


PLACES = [(item, path) for item in OBJECTS for path in leaves(item)]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: item["kind"])
def test_what_was_just_applied_needs_no_apply(item: dict[str, Any]) -> None:
    assert not needs_apply(item, item)
    assert not needs_apply(item, with_defaults(item))


@given(place=st.sampled_from(PLACES), new=st.sampled_from(["edited by hand", 987654321, None]))
def test_any_edited_field_is_seen(place: tuple[dict[str, Any], Path], new: Any) -> None:
    item, path = place
    assert needs_apply(item, changed(with_defaults(item), path, new)), path


def test_an_absent_object_is_applied() -> None:
    assert needs_apply(OBJECTS[0], None)


def test_a_field_that_is_no_longer_asked_for_is_seen_by_the_hash() -> None:
    before = built("Deployment", pod={"priorityClassName": "high"})
    after = built("Deployment")
    assert matches(
        {**after, "metadata": {}, "spec": {**after["spec"], "template": {}}},
        before,
    )
    assert needs_apply(after, before)


def test_the_hash_is_of_the_object_without_it() -> None:
    item = {"metadata": {"name": "a"}, "spec": {"b": 1}}
    once = with_applied_hash(item)
    assert once["metadata"]["annotations"][APPLIED_HASH]
    assert item == {"metadata": {"name": "a"}, "spec": {"b": 1}}


@pytest.mark.parametrize(
    ("sentence", "desired", "live", "same"),
    [
        ("more fields in the live object", {"a": 1}, {"a": 1, "b": 2}, True),
        ("a missing field", {"a": 1}, {}, False),
        (
            "one label more in a selector selects other pods",
            {"podSelector": {"matchLabels": {"a": "b"}}},
            {"podSelector": {"matchLabels": {"a": "b", "c": "d"}}},
            False,
        ),
        (
            "and so does another kind of expression",
            {"podSelector": {"matchLabels": {"a": "b"}}},
            {"podSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c"}]}},
            False,
        ),
        (
            "a Service's selector is one too",
            {"spec": {"selector": {"a": "b"}}},
            {"spec": {"selector": {"a": "b", "c": "d"}, "clusterIP": "None"}},
            False,
        ),
        ("a missing object", {"a": {"b": 1}}, {}, False),
        ("nothing and empty are alike", {"a": {}, "b": [], "c": ""}, {}, True),
        ("and the other way round", {"a": None}, {"a": {}}, True),
        ("an object without fields takes what the server adds", {"a": {}}, {"a": {"b": 1}}, True),
        ("a volume that became another", {"emptyDir": {}}, {"hostPath": {"path": "/"}}, False),
        ("a scratch volume", {"emptyDir": {}}, {"emptyDir": {}}, True),
        ("something where nothing was asked for", {"a": []}, {"a": [1]}, False),
        ("false is not nothing", {"a": False}, {}, False),
        ("zero is not nothing", {"a": 0}, {}, False),
        ("true is not one", {"a": True}, {"a": 1}, False),
        ("an argument more", {"args": ["a"]}, {"args": ["a", "b"]}, False),
        ("arguments in another order", {"args": ["a", "b"]}, {"args": ["b", "a"]}, False),
        (
            "a container that a webhook added, before ours",
            {"containers": [{"name": "a", "image": "x"}]},
            {"containers": [{"name": "b"}, {"name": "a", "image": "x"}]},
            True,
        ),
        (
            "our container with another image",
            {"containers": [{"name": "a", "image": "x"}]},
            {"containers": [{"name": "a", "image": "y"}]},
            False,
        ),
        (
            "our container removed",
            {"containers": [{"name": "a"}]},
            {"containers": [{"name": "b"}]},
            False,
        ),
        (
            "ports of a pod by number and protocol",
            {"ports": [{"containerPort": 1, "protocol": "TCP", "name": "a"}]},
            {"ports": [{"containerPort": 1, "protocol": "TCP", "name": "b"}]},
            False,
        ),
        (
            "ports of a Service with what the server adds",
            {"ports": [{"port": 1, "protocol": "TCP"}]},
            {"ports": [{"port": 1, "protocol": "TCP", "targetPort": 1}]},
            True,
        ),
        (
            "tolerations are one list, a foreign one in it is drift",
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "a"}, {"key": "b"}]},
            False,
        ),
        (
            "quantities by value",
            {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
            {"requests": {"cpu": "500m", "memory": "1Gi"}},
            True,
        ),
        ("another quantity", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, False),
        ("a size", {"sizeLimit": "1024Ki"}, {"sizeLimit": "1Mi"}, True),
        ("a divisor as a number", {"divisor": 1}, {"divisor": "1"}, True),
        ("a divisor in another unit", {"divisor": "1024Ki"}, {"divisor": "1Mi"}, True),
        ("a fraction as a number", {"divisor": 0.5}, {"divisor": "500m"}, True),
        ("another divisor", {"divisor": 1}, {"divisor": "1Mi"}, False),
        (
            "the size of a claim",
            {"resources": {"requests": {"storage": "1024Gi"}}},
            {"resources": {"requests": {"storage": "1Ti"}}},
            True,
        ),
        (
            "a target of autoscaling",
            {"target": {"averageValue": "1000m"}},
            {"target": {"averageValue": "1"}},
            True,
        ),
        ("text is no quantity elsewhere", {"args": ["1024Mi"]}, {"args": ["1Gi"]}, False),
        ("a quantity that is none", {"limits": {"cpu": "x"}}, {"limits": {"cpu": "y"}}, False),
        ("another type", {"a": {"b": 1}}, {"a": "b"}, False),
        ("a list where there was none", {"a": [1]}, {"a": {"b": 1}}, False),
    ],
)
def test_matching(sentence: str, desired: Any, live: Any, same: bool) -> None:
    assert matches(desired, live) is same, sentence
