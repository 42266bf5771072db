"""May the definition in the cluster be replaced by ours?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.api import crd
from llmstack.api.crd_update import (
    VERSION_ANNOTATION,
    DefinitionRefused,
    Update,
    established,
    name_conflict,
    plan,
    version_of,
)

Object = dict[str, Any]


def definition(version: str | None = "1.10.0", *versions: str, stored: str = "v1") -> Object:
    annotations = {} if version is None else {"annotations": {VERSION_ANNOTATION: version}}
    return {
        "metadata": {"name": "llmdeployments.llmstack.dev", **annotations},
        "spec": {"versions": [{"name": name} for name in versions or ("v1",)]},
        "status": {"storedVersions": [stored]},
    }


PLANS: list[tuple[str, Object | None, Update]] = [
    ("where there is none, ours comes", None, Update.APPLY),
    ("one of before versions were said is older", definition(None), Update.APPLY),
    ("one whose version is no version is older", definition("of mine"), Update.APPLY),
    ("an older one is replaced", definition("1.9.9"), Update.APPLY),
    ("the same is written again, whoever edited it", definition("1.10.0"), Update.APPLY),
    ("a newer one stays", definition("1.10.1"), Update.KEEP),
    ("a newer one stays, whatever it stores", definition("2.0.0", stored="v2"), Update.KEEP),
]


@pytest.mark.parametrize(("sentence", "live", "expected"), PLANS, ids=[row[0] for row in PLANS])
def test_an_older_chart_takes_nothing_away(
    sentence: str, live: Object | None, expected: Update
) -> None:
    assert plan(live, definition()) is expected, sentence


def test_objects_that_could_not_be_read_any_more_are_a_refusal_in_words() -> None:
    with pytest.raises(DefinitionRefused, match="stored as v1alpha1, which"):
        plan(definition("1.9.0", stored="v1alpha1"), definition())


def test_ours_says_its_version() -> None:
    assert version_of(crd.definition()) != ""
    assert plan(crd.definition(), crd.definition()) is Update.APPLY


def condition(kind: str, status: str, message: str = "") -> Object:
    return {"status": {"conditions": [{"type": kind, "status": status, "message": message}]}}


def test_it_is_served_when_the_api_server_says_so() -> None:
    assert established(condition("Established", "True"))
    assert not established(condition("Established", "False"))
    assert not established({"status": {}})


def test_a_name_that_another_one_has_is_said_in_its_words() -> None:
    assert (
        name_conflict(condition("NamesAccepted", "False", '"llmd" is taken')) == '"llmd" is taken'
    )
    assert name_conflict(condition("NamesAccepted", "True")) == ""
    assert name_conflict({}) == ""
