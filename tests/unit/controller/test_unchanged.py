"""When has a pass nothing to write that the last one had not?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.controller.unchanged import Unchanged, fingerprint
from llmstack.kube.kinds import DEPLOYMENT, SERVICE
from tests.unit.controller.objects import thing
from tests.unit.desired.samples import deployment

Object = dict[str, Any]
A, B = Key("team", "a"), Key("team", "b")
OWNER = deployment()
ROOT = b"r" * 32


def child(**changes: Any) -> Object:
    return {**thing(SERVICE, "a-replicas", spec={"selector": {"app": "a"}}), **changes}


def prints(*children: Object, root: bytes = ROOT, owner: Any = OWNER) -> bytes:
    found = {(each["kind"], each["metadata"]["name"]): each for each in children}
    return fingerprint(owner, root, found)


def metadata(**changes: Any) -> Object:
    return {**child()["metadata"], **changes}


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("the status moved", child(status={"loadBalancer": {}})),
        ("it was written, and says the same", child(metadata=metadata(resourceVersion="9"))),
        ("others own fields", child(metadata=metadata(managedFields=[{"manager": "x"}]))),
    ],
)
def test_what_decides_nothing_changes_nothing(sentence: str, other: Object) -> None:
    assert prints(other) == prints(child()), sentence


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("an edited child", prints(child(spec={"selector": {"app": "b"}}))),
        ("another child of that name", prints(child(metadata=metadata(uid="other")))),
        ("a lost label", prints(child(metadata=metadata(labels={})))),
        ("a child that goes", prints(child(metadata=metadata(deletionTimestamp="now")))),
        ("a child that is gone", prints()),
        ("one more child", prints(child(), thing(DEPLOYMENT, "a"))),
        ("another root Secret", prints(child(), root=b"s" * 32)),
        ("an edit", prints(child(), owner=replace(OWNER, generation=9))),
        ("another deployment of that name", prints(child(), owner=replace(OWNER, uid="other"))),
    ],
)
def test_whatever_decides_is_in_it(sentence: str, other: bytes) -> None:
    assert other != prints(child()), sentence


def test_it_holds_until_a_pass_writes_or_the_deployment_is_gone() -> None:
    unchanged = Unchanged()
    unchanged.note(A, b"1", nothing_to_write=True)
    assert unchanged.holds(A, b"1")
    assert not unchanged.holds(A, b"2")
    assert not unchanged.holds(B, b"1")
    unchanged.note(A, b"1", nothing_to_write=False)
    assert not unchanged.holds(A, b"1")
    unchanged.note(A, b"1", nothing_to_write=True)
    unchanged.forget(A)
    assert not unchanged.holds(A, b"1")
