"""Which LLMDeployments does the chart make of its values, and which does it refuse?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from llmstack.api import crd
from tests.integration.apiserver import ApiServer
from tests.integration.chart.definitions import create
from tests.integration.chart.helm import (
    CHART,
    IMAGES,
    ROOT,
    Object,
    helm,
    options,
    render,
    template,
)

SOURCE = "https://models.example.com/a.gguf"
A = f"models.a.spec.model.source={SOURCE}"
KIND = "LLMDeployment"


def models(*values: str) -> list[Object]:
    """The LLMDeployments of these values."""
    return [body for body in render(*IMAGES, *values) if body["kind"] == KIND]


def test_a_model_of_the_values_is_in_the_releases_namespace_unless_it_says_another() -> None:
    first, second = models(A, f"models.b.spec.model.source={SOURCE}", "models.b.namespace=team-b")

    assert (first["metadata"]["name"], first["metadata"]["namespace"]) == ("a", "llm-stack")
    assert (second["metadata"]["name"], second["metadata"]["namespace"]) == ("b", "team-b")


def test_its_spec_is_what_the_values_say() -> None:
    (model,) = models(A, "models.a.spec.slots=4", "models.a.spec.contextLength=1048576")

    assert model["spec"] == {"model": {"source": SOURCE}, "slots": 4, "contextLength": 1048576}


@pytest.mark.parametrize(("keep", "policy"), [("false", None), ("true", "keep")])
def test_it_stays_only_where_the_values_say_so(keep: str, policy: str | None) -> None:
    (model,) = models(A, f"models.a.keep={keep}")

    annotations = model["metadata"].get("annotations", {})
    assert annotations.get("helm.sh/resource-policy") == policy


REFUSED = [
    ("a misspelt key of an entry", ("models.a.namespaces=x", A), "namespaces"),
    ("an entry without spec", ("models.a.namespace=x",), "missing property 'spec'"),
    ("a spec without model", ("models.a.spec.slots=1",), "missing property 'model'"),
    ("a name that none can have", (A.replace(".a.", ".A_b."),), "A_b"),
    (
        "a field that there is not",
        (A, "models.a.spec.slot=4"),
        "models.a.spec.slot: unknown field. Valid fields are: accelerator, autoscaling,",
    ),
    (
        "one further down",
        (A, "models.a.spec.model.sha=1"),
        "models.a.spec.model.sha: unknown field.",
    ),
    (
        "one in a list",
        (A, "models.a.spec.accelerator.tolerations[0].ky=x"),
        "models.a.spec.accelerator.tolerations[0].ky: unknown field.",
    ),
    (
        "a namespace that nobody serves",
        (A, "namespaces={team-a,team-b}"),
        "models.a is in namespace llm-stack, which is not in `namespaces`",
    ),
]


@pytest.mark.parametrize(("what", "values", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_a_model_is_refused_in_words(
    what: str, values: tuple[str, ...], words: str
) -> None:
    done = template(*IMAGES, *values)

    assert done.returncode != 0, what
    assert words in done.stderr


@pytest.mark.parametrize(
    "example",
    sorted((ROOT / "examples").glob("*.yaml")),
    ids=lambda p: p.stem,
)
def test_every_example_may_be_given_as_a_value(example: Path, tmp_path: Path) -> None:
    bodies = [body for body in yaml.safe_load_all(example.read_text()) if body["kind"] == KIND]
    given = {body["metadata"]["name"]: {"spec": body["spec"]} for body in bodies}
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"image": {"registry": "example.internal"}, "models": given}))

    rendered = {
        body["metadata"]["name"]: body for body in render(file=values) if body["kind"] == KIND
    }

    assert {name: {"spec": body["spec"]} for name, body in rendered.items()} == given


@pytest.fixture
def released(empty: ApiServer) -> Iterator[ApiServer]:
    """An API server with the definition, and after the test without the release."""
    create(empty, crd.definition())
    yield empty
    helm("uninstall", "models", f"--kubeconfig={empty.kubeconfig}", "--ignore-not-found")


def install(cluster: ApiServer, *values: str) -> None:
    """An upgrade or install by helm, of the whole chart; no hook, for no node would run it."""
    where = (f"--kubeconfig={cluster.kubeconfig}", "--no-hooks", "--install")
    done = helm("upgrade", "models", CHART, *where, *options(*IMAGES, *values))
    assert done.returncode == 0, done.stderr


def in_cluster(cluster: ApiServer) -> dict[str, Object]:
    """The LLMDeployments there are."""
    listed = json.loads(cluster.kubectl("get", "llmdeployments", "--output=json"))
    return {body["metadata"]["name"]: body["spec"] for body in listed["items"]}


def test_a_first_install_brings_the_definition_and_the_models(empty: ApiServer) -> None:
    install(empty, A)

    assert in_cluster(empty)["a"]["model"]["source"] == SOURCE
    helm("uninstall", "models", f"--kubeconfig={empty.kubeconfig}")


def test_models_follow_the_values_and_those_to_keep_stay(released: ApiServer) -> None:
    b = A.replace(".a.", ".b.")
    install(released, A, b, "models.b.keep=true")
    install(released, A, "models.a.spec.slots=3")

    found = in_cluster(released)
    assert sorted(found) == ["a", "b"]
    assert found["a"]["slots"] == 3

    helm("uninstall", "models", f"--kubeconfig={released.kubeconfig}")
    assert sorted(in_cluster(released)) == ["b"]
