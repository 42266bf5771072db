"""When do the hooks run that bring the definition? As the cluster's own one says."""

from __future__ import annotations

import pytest

from llmstack.api import crd
from llmstack.version import VERSION
from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import install
from tests.integration.chart.definitions import changed, create
from tests.integration.chart.helm import IMAGES, Object, render

EVENTS = [
    ("none: Helm brings it first", None, "pre-install,pre-upgrade,pre-rollback"),
    ("the same", crd.definition(), "pre-upgrade,pre-rollback"),
    ("an older one", changed(None), "pre-install,pre-upgrade,pre-rollback"),
    ("ours, edited", changed(VERSION), "pre-install,pre-upgrade,pre-rollback"),
    ("a newer one", changed("99.0.0"), "pre-upgrade,pre-rollback"),
]


@pytest.mark.parametrize(("there", "body", "events"), EVENTS, ids=[row[0] for row in EVENTS])
def test_an_install_runs_the_hook_only_where_another_definition_is_left(
    empty: ApiServer, there: str, body: Object | None, events: str
) -> None:
    if body:
        create(empty, body)

    done = install(empty, *IMAGES)

    assert done.returncode == 0, done.stderr
    assert f"helm.sh/hook: {events}\n" in done.stdout, there


REFUSED = [
    ("none", None, "in the cluster is missing"),
    ("an older one", changed(None), "in the cluster has another version"),
]


@pytest.mark.parametrize(("there", "body", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_whoever_brings_the_definition_himself_is_told_when_he_has_not(
    empty: ApiServer, there: str, body: Object | None, words: str
) -> None:
    if body:
        create(empty, body)

    done = install(empty, *IMAGES, "crds.apply=false")

    assert done.returncode != 0
    assert words in done.stderr, there
    assert "kubectl apply --server-side" in done.stderr


def test_whoever_brings_the_definition_himself_gets_no_hook(empty: ApiServer) -> None:
    create(empty, crd.definition())

    done = install(empty, *IMAGES, "crds.apply=false")

    assert done.returncode == 0, done.stderr
    assert "llm-stack-crds" not in done.stdout


def test_no_hook_deletes_anything_unless_told() -> None:
    hooks = [body["metadata"].get("annotations", {}).get("helm.sh/hook") for body in render()]

    assert "post-delete" not in hooks
