"""What is left of an LLMDeployment that is deleted? Nothing but the models, whoever is away.

With the garbage collector of the real controller-manager, and an operator for all namespaces.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.deployments import Namespace
from tests.integration.operators import Installation, installed
from tests.support.numbered import numbered

SHARED = {"accessMode": "ReadWriteMany", "storageClassName": "shared"}


@pytest.fixture
def stack(crd: ApiServer, controllers: ApiServer, tmp_path: Path) -> Iterator[Installation]:
    name = numbered("all")
    with installed(crd, name, tmp_path, everywhere=True) as installation:
        yield installation


def elsewhere(stack: Installation) -> Namespace:
    """A namespace that is not the operator's."""
    name = f"{stack.namespace}-team"
    stack.server.kubectl("create", "namespace", name)
    return Namespace(stack.server, name)


def gone(space: Namespace, name: str = "qwen") -> None:
    wait_until(lambda: not space.children(name), "the children to go", 60)


def test_deleted_while_it_starts_it_goes_at_once_and_its_cache_stays(stack: Installation) -> None:
    stack.start("a").wait_until("leading")
    space = elsewhere(stack)
    space.apply(cache=SHARED)
    space.wait_for_children()
    assert space.get("pvc", "llmstack-cache-shared-rwx")
    space.kubectl("delete", "llmd", "qwen", "--timeout=10s")
    gone(space)
    assert space.get("pvc", "llmstack-cache-shared-rwx"), "models outlive their deployment"


def test_deleted_and_made_again_it_is_a_new_one_with_another_key(stack: Installation) -> None:
    stack.start("a").wait_until("leading")
    space = elsewhere(stack)
    space.apply()
    space.wait_for_children()
    key = space.need("secret", "qwen-key")["data"]
    space.kubectl("delete", "llmd", "qwen")
    space.apply()
    wait_until(lambda: renewed(space, key), "a Secret with another key", 60)
    owner = space.need("llmd", "qwen")["metadata"]["uid"]
    wait_until(lambda: owners(space) == {owner}, "children of the new one only", 60)


def renewed(space: Namespace, key: object) -> bool:
    secret = space.get("secret", "qwen-key")
    return secret is not None and secret["data"] != key


def owners(space: Namespace) -> set[str]:
    kinds = ("deployment", "service", "serviceaccount", "poddisruptionbudget", "secret")
    names = ("qwen", "qwen-replicas", "qwen", "qwen", "qwen-key")
    found = [space.get(kind, name) for kind, name in zip(kinds, names, strict=True)]
    return {item["metadata"]["ownerReferences"][0]["uid"] if item else "" for item in found}


def test_without_an_operator_nothing_holds_up_the_end_of_a_namespace(stack: Installation) -> None:
    operator = stack.start("a").wait_until("leading")
    space = elsewhere(stack)
    space.apply()
    space.wait_for_children()
    operator.send(signal.SIGTERM)
    assert operator.wait() == 0
    space.server.kubectl("delete", "namespace", space.name, "--timeout=60s")
