"""What does the chart make of the values in its `ci/`, and would a cluster take it?

The golden files show a reviewer what a change of a template does to the objects: those of the
default values and of all options whole, the others as what they change of the default. Write them
anew, and read the diff:
`LLMSTACK_GOLDEN=write .venv/bin/pytest tests/integration/chart/test_value_sets.py`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmstack.api import crd
from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import defined
from tests.integration.chart.definitions import create, remove
from tests.integration.chart.helm import CHART, KUBE, helm, template

GOLDEN = Path(__file__).parents[1] / "golden"
SETS = {path.name.removesuffix("-values.yaml"): path for path in (CHART / "ci").glob("*.yaml")}
WHOLE = ("default", "all")
EACH = pytest.mark.parametrize("name", sorted(SETS))


def rendered(name: str) -> str:
    """All objects of a set, as helm prints them."""
    done = template(file=SETS[name])
    assert done.returncode == 0, done.stderr
    return done.stdout


def golden_of(name: str) -> tuple[Path, str]:
    """Its golden file, and what should be in it."""
    if name in WHOLE:
        return GOLDEN / f"chart-{name}.yaml", rendered(name)
    lines = (rendered(each).splitlines(keepends=True) for each in ("default", name))
    # Without the numbers of lines: they change with whatever comes before.
    changes = (re.sub("^@@ .*", "@@", line) for line in difflib.unified_diff(*lines))
    return GOLDEN / f"chart-{name}.diff", "".join(list(changes)[2:])


@EACH
def test_it_renders_what_the_golden_file_shows(name: str) -> None:
    golden, expected = golden_of(name)
    if os.environ.get("LLMSTACK_GOLDEN") == "write":
        golden.write_text(expected)

    assert expected == golden.read_text()


def test_no_golden_file_is_left_of_values_that_are_gone() -> None:
    assert {path.stem.removeprefix("chart-") for path in GOLDEN.glob("chart-*")} == set(SETS)


@EACH
def test_lint_finds_nothing(name: str) -> None:
    done = helm("lint", "--strict", CHART, f"--values={SETS[name]}", *KUBE)

    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def served(cluster: ApiServer) -> Iterator[ApiServer]:
    """A cluster with all definitions, and the namespaces that the sets name."""
    remove(cluster)
    create(cluster, crd.definition())
    for name in ("llm-stack", "team-a", "team-b"):
        if not cluster.kubectl("get", "namespace", name, "--ignore-not-found"):
            cluster.kubectl("create", "namespace", name)
    with defined(cluster, "HTTPRoute"), defined(cluster, "ServiceMonitor"):
        yield cluster


@EACH
def test_the_api_server_takes_every_object(served: ApiServer, name: str) -> None:
    how = ("--server-side", "--validate=strict", "--dry-run=server")

    served.kubectl("apply", *how, "--filename=-", stdin=rendered(name))
