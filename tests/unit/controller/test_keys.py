"""Which deployments are looked at when an object changes?"""

from __future__ import annotations

from typing import Any

from llmstack.api.key import Key
from llmstack.controller.keys import concerned
from llmstack.controller.store import Store
from llmstack.kube.kinds import CLAIM, LLM_DEPLOYMENT, NODE, POD
from tests.unit.controller.objects import model


def meta(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "labels": labels or None}


def known(*keys: Key) -> Store:
    store = Store()
    for key in keys:
        store.note(LLM_DEPLOYMENT, model(key.name, namespace=key.namespace, uid=str(key)))
    return store


A, B, ELSEWHERE = Key("team", "a"), Key("team", "b"), Key("other", "a")


def test_a_deployment_concerns_itself() -> None:
    assert concerned(Store(), LLM_DEPLOYMENT, meta("team", "a")) == [A]


def test_a_pod_concerns_the_deployment_of_its_label_known_or_not() -> None:
    labelled = {"llmstack.dev/deployment": "a"}
    assert concerned(Store(), POD, meta("team", "a-1", **labelled)) == [A]


def test_a_shared_claim_concerns_all_deployments_of_its_namespace() -> None:
    assert concerned(known(B, A, ELSEWHERE), CLAIM, meta("team", "cache")) == [A, B]
    assert concerned(Store(), CLAIM, meta("team", "cache")) == []


def test_a_node_concerns_all_deployments() -> None:
    assert concerned(known(B, A, ELSEWHERE), NODE, {"name": "n"}) == [ELSEWHERE, A, B]
