"""Which deployments are looked at when an object changes?"""

from __future__ import annotations

from typing import Any

from llmstack.api.key import Key
from llmstack.controller.keys import KnownKeys
from llmstack.kube.kinds import CLAIM, LLM_DEPLOYMENT, POD


def meta(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "labels": labels or None}


def known(*keys: Key) -> KnownKeys:
    made = KnownKeys()
    for key in keys:
        made.concerned(LLM_DEPLOYMENT, meta(key.namespace, key.name))
    return made


A, B, ELSEWHERE = Key("team", "a"), Key("team", "b"), Key("other", "a")


def test_a_deployment_concerns_itself() -> None:
    assert KnownKeys().concerned(LLM_DEPLOYMENT, meta("team", "a")) == [A]


def test_a_pod_concerns_the_deployment_of_its_label_known_or_not() -> None:
    labelled = {"llmstack.dev/deployment": "a"}
    assert KnownKeys().concerned(POD, meta("team", "a-1", **labelled)) == [A]


def test_a_shared_claim_concerns_all_deployments_of_its_namespace() -> None:
    assert known(B, A, ELSEWHERE).concerned(CLAIM, meta("team", "cache")) == [A, B]
    assert KnownKeys().concerned(CLAIM, meta("team", "cache")) == []


def test_a_deleted_deployment_is_looked_at_once_more_and_then_unknown() -> None:
    keys = known(A, B)
    assert keys.concerned(LLM_DEPLOYMENT, meta("team", "a"), deleted=True) == [A]
    assert keys.concerned(CLAIM, meta("team", "cache")) == [B]
