"""Does Prometheus find the metrics of both parts, and nothing else?"""

from __future__ import annotations

from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted, defined, install
from tests.integration.chart.helm import ALL_OPTIONS, IMAGES, Object, render, template

ON = "serviceMonitor.enabled=true"


def kinds(objects: list[Object], kind: str) -> list[Object]:
    """All objects of this kind."""
    return [body for body in objects if body["kind"] == kind]


def test_unasked_there_is_none() -> None:
    assert kinds(render(), "ServiceMonitor") == []


def found_by(monitor: Object, services: list[Object]) -> list[tuple[str, str]]:
    """Which ports of which Services are read? (Service, its target port)

    Prometheus takes the ports of the endpoint's name, of all Services that have the labels.
    """
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    return [
        (service["metadata"]["name"], port["targetPort"])
        for service in services
        if wanted <= service["metadata"]["labels"].items()
        for port in service["spec"]["ports"]
        if port["name"] == endpoint["port"]
    ]


def test_each_part_is_read_once_where_it_serves_its_metrics() -> None:
    objects = render(*IMAGES, ON)
    services = kinds(objects, "Service")
    read = [found_by(monitor, services) for monitor in kinds(objects, "ServiceMonitor")]

    assert read == [[("llm-stack", "http")], [("llm-stack-gateway-admin", "admin")]]


def test_labels_and_interval_are_those_that_are_asked_for() -> None:
    for monitor in kinds(render(file=ALL_OPTIONS), "ServiceMonitor"):
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        assert monitor["spec"]["endpoints"][0]["interval"] == "15s"


def test_an_interval_without_a_unit_is_refused() -> None:
    done = template(*IMAGES, "serviceMonitor.interval=15x")

    assert done.returncode != 0
    assert "interval" in done.stderr


def test_it_is_refused_without_the_prometheus_operator_and_taken_with_it(empty: ApiServer) -> None:
    without = install(empty, *IMAGES, ON)

    with defined(empty, "ServiceMonitor"):
        done = install(empty, *IMAGES, ON)
        assert done.returncode == 0, done.stderr
        for monitor in kinds(render(file=ALL_OPTIONS), "ServiceMonitor"):
            accepted(empty, monitor)
    assert without.returncode != 0
    assert "Install the Prometheus Operator" in without.stderr
