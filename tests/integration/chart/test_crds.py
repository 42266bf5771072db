"""What does `llmstack crds` do to a cluster, with the rights that the chart's hooks have?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from llmstack.api import crd
from llmstack.crds.main import REFUSED, TRY_AGAIN, run
from tests.integration.apiserver import ApiServer
from tests.integration.chart.definitions import DEFINITION, OURS, changed, create, fields, live
from tests.integration.chart.helm import IMAGES, Object, render

ACCOUNT = "system:serviceaccount:llm-stack:llm-stack-crds"
AsHook = Callable[..., Path]


def hooks(*values: str) -> list[Object]:
    """The objects of the hooks."""
    return [
        body
        for body in render(*IMAGES, *values)
        if "helm.sh/hook" in body["metadata"].get("annotations", {})
    ]


@pytest.fixture
def as_hook(empty: ApiServer) -> Iterator[AsHook]:
    """Gives a hook's account the rights that the chart gives it, and its kubeconfig."""
    given: list[str] = []

    def account(name: str = ACCOUNT, *values: str) -> Path:
        bodies = [body for body in hooks(*values) if body["kind"].startswith("ClusterRole")]
        given.append(yaml.safe_dump_all(bodies))
        empty.kubectl("apply", "--filename=-", stdin=given[-1])
        return empty.kubeconfig_for(name, "system:serviceaccounts", "system:authenticated")

    yield account
    for bodies in given:
        empty.kubectl("delete", "--filename=-", "--ignore-not-found", stdin=bodies)


def task(name: str, kubeconfig: Path) -> int:
    """The exit status of `llmstack crds NAME`."""
    return run([name], {"KUBECONFIG": str(kubeconfig)})


def test_where_there_is_none_it_comes_and_is_served(empty: ApiServer, as_hook: AsHook) -> None:
    assert task("apply", as_hook()) == 0

    empty.kubectl("wait", "--for=condition=Established", DEFINITION, "--timeout=1s")
    assert live(empty)["metadata"]["annotations"] == crd.ANNOTATIONS


def test_an_older_one_becomes_ours_whole_whoever_made_it(empty: ApiServer, as_hook: AsHook) -> None:
    create(empty, changed(None, forgotten={"type": "string"}))

    assert task("apply", as_hook()) == 0

    assert fields(empty) == OURS


def test_a_newer_one_stays_and_it_is_said(
    empty: ApiServer, as_hook: AsHook, capsys: pytest.CaptureFixture[str]
) -> None:
    create(empty, changed("99.0.0", later={"type": "string"}))

    assert task("apply", as_hook()) == 0

    assert "later" in fields(empty)
    assert "version 99.0.0 is in the cluster and is not replaced" in capsys.readouterr().out


def test_stored_objects_that_could_not_be_read_are_a_refusal(
    empty: ApiServer, as_hook: AsHook, capsys: pytest.CaptureFixture[str]
) -> None:
    body = changed("0.1.0")
    body["spec"]["versions"][0]["name"] = "v1alpha0"
    create(empty, body)

    assert task("apply", as_hook()) == REFUSED

    assert "stored as v1alpha0" in capsys.readouterr().err
    assert [version["name"] for version in live(empty)["spec"]["versions"]] == ["v1alpha0"]


def test_an_api_server_that_is_away_may_be_tried_again(empty: ApiServer, as_hook: AsHook) -> None:
    kubeconfig = as_hook()

    with empty.away():
        assert task("apply", kubeconfig) == TRY_AGAIN


def test_without_the_right_it_is_said_which_one(
    empty: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = empty.kubeconfig_for("system:serviceaccount:llm-stack:nobody")

    assert task("apply", nobody) == REFUSED

    assert "cannot get resource" in capsys.readouterr().err


def test_told_so_uninstalling_takes_it_away_with_all_objects(
    empty: ApiServer, as_hook: AsHook
) -> None:
    kubeconfig = as_hook(f"{ACCOUNT}-delete", "crds.keep=false")
    create(empty, crd.definition())

    assert task("delete", kubeconfig) == 0
    assert task("delete", kubeconfig) == 0

    assert empty.kubectl("get", DEFINITION, "--ignore-not-found") == ""


DEFINITIONS, OURS_BY_NAME = ("apiextensions.k8s.io", "customresourcedefinitions"), crd.NAME
MAY = [
    ("bring it", ("patch", *DEFINITIONS, OURS_BY_NAME), True),
    ("bring it where it is not", ("create", *DEFINITIONS, OURS_BY_NAME), True),
    ("take it away", ("delete", *DEFINITIONS, OURS_BY_NAME), False),
    ("bring another one", ("patch", *DEFINITIONS, "gateways.example.com"), False),
    ("list them", ("list", *DEFINITIONS, ""), False),
    ("read its objects", ("get", "llmstack.dev", "llmdeployments", ""), False),
    ("read Secrets", ("get", "", "secrets", ""), False),
]


@pytest.mark.parametrize(("what", "asked", "allowed"), MAY, ids=[row[0] for row in MAY])
def test_the_hook_may_bring_this_definition_and_nothing_else(
    empty: ApiServer, as_hook: AsHook, what: str, asked: tuple[str, ...], allowed: bool
) -> None:
    as_hook()
    attributes = dict(zip(("verb", "group", "resource", "name"), asked, strict=True))
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": attributes},
    }

    said = empty.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))

    assert json.loads(said)["status"]["allowed"] is allowed, what
