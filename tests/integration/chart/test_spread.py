"""How are the pods of a part spread? Counted by the part's own labels, unless told otherwise."""

from __future__ import annotations

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted
from tests.integration.chart.helm import ALL_OPTIONS, IMAGES, Object, render, template

PARTS = [("llm-stack", ""), ("llm-stack-gateway", "gateway.")]


def workload(objects: list[Object], name: str) -> Object:
    """The Deployment of this name."""
    (found,) = (
        body for body in objects if (body["kind"], body["metadata"]["name"]) == ("Deployment", name)
    )
    return found


def by_zone(prefix: str) -> tuple[str, ...]:
    """The values that spread a part over zones."""
    first = f"{prefix}topologySpreadConstraints[0]"
    zone = "topologyKey=topology.kubernetes.io/zone"
    wanted = ("maxSkew=1", zone, "whenUnsatisfiable=DoNotSchedule")
    return tuple(f"{first}.{each}" for each in wanted)


@pytest.mark.parametrize(("name", "prefix"), PARTS)
def test_a_part_is_spread_by_its_own_labels(name: str, prefix: str) -> None:
    spec = workload(render(*IMAGES, *by_zone(prefix)), name)["spec"]

    assert spec["template"]["spec"]["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": spec["selector"],
        }
    ]


@pytest.mark.parametrize(("name", "prefix"), PARTS)
def test_unasked_none_is_spread(name: str, prefix: str) -> None:
    pod = workload(render(), name)["spec"]["template"]["spec"]

    assert "topologySpreadConstraints" not in pod


def test_a_selector_of_ones_own_stays_as_it_is() -> None:
    pod = workload(render(file=ALL_OPTIONS), "llm-stack-gateway")["spec"]["template"]["spec"]
    (constraint,) = pod["topologySpreadConstraints"]

    assert constraint["labelSelector"] == {"matchLabels": {"example.com/cost": "shared"}}


def test_a_constraint_without_a_topology_is_refused() -> None:
    done = template(*IMAGES, "topologySpreadConstraints[0].maxSkew=1")

    assert done.returncode != 0
    assert "topologyKey" in done.stderr


@pytest.mark.parametrize(("name", "prefix"), PARTS)
def test_the_api_server_takes_it(cluster: ApiServer, name: str, prefix: str) -> None:
    accepted(cluster, workload(render(*IMAGES, *by_zone(prefix)), name))
    accepted(cluster, workload(render(file=ALL_OPTIONS), name))
