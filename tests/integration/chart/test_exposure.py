"""Who may come in from outside, and how? By an Ingress or an HTTPRoute, and never without a key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from llmstack.api.scaling import QueueSpec
from llmstack.settings.limits import Limits
from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted, defined, install
from tests.integration.chart.helm import ALL_OPTIONS, IMAGES, Object, render, template

KEYS = "gateway.auth.keysSecretRef.name=client-keys"
ON = "gateway.ingress.enabled=true"
HOST = "gateway.ingress.hosts={llm.example.org}"
TLS = "gateway.ingress.tls.secretName=llm-tls"
INGRESS = (*IMAGES, KEYS, ON, HOST, TLS)
ROUTE_ON, PARENT = "gateway.httpRoute.enabled=true", "gateway.httpRoute.parentRefs[0].name=public"
ROUTE = (*IMAGES, KEYS, ROUTE_ON, PARENT)
NGINX = "nginx.ingress.kubernetes.io"

REFUSED = [
    ("an Ingress without keys", (ON, HOST, TLS), "set gateway.auth.keysSecretRef.name to it"),
    ("an Ingress without TLS", (KEYS, ON, HOST), "set gateway.ingress.tls.secretName"),
    ("an Ingress without a host", (KEYS, ON, TLS), "requires gateway.ingress.hosts"),
    ("a host that is a URL", (KEYS, "gateway.ingress.hosts={https://llm.example.org}"), "hosts"),
    ("a route without keys", (ROUTE_ON, PARENT), "set gateway.auth.keysSecretRef.name to it"),
    ("a route without a Gateway", (KEYS, ROUTE_ON), "requires gateway.httpRoute.parentRefs"),
    ("a time without a unit", ("gateway.httpRoute.timeouts.request=5x",), "timeouts"),
]


@pytest.mark.parametrize(("what", "values", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_way_in_that_is_not_safe_is_refused_in_words(
    what: str, values: tuple[str, ...], words: str
) -> None:
    done = template(*IMAGES, *values)

    assert done.returncode != 0, what
    assert words in done.stderr


def one(objects: list[Object], kind: str) -> Object:
    """The one object of this kind."""
    (found,) = (body for body in objects if body["kind"] == kind)
    return found


def annotations(file: Path | None = None) -> dict[str, str]:
    """Those of the Ingress."""
    objects = render(file=file) if file else render(*INGRESS)
    found: dict[str, str] = one(objects, "Ingress")["metadata"]["annotations"]
    return found


def test_unasked_nothing_leads_in_from_outside() -> None:
    assert not {"Ingress", "HTTPRoute"} & {body["kind"] for body in render()}


def test_an_ingress_holds_no_token_back_and_outlasts_the_wait_for_a_replica() -> None:
    found, queue = annotations(), QueueSpec()

    assert found[f"{NGINX}/proxy-buffering"] == "off"
    assert found[f"{NGINX}/proxy-request-buffering"] == "off"
    for name in ("proxy-read-timeout", "proxy-send-timeout"):
        wait = queue.cold_start_timeout_seconds + queue.timeout_seconds
        assert int(found[f"{NGINX}/{name}"]) > wait


def test_an_ingress_takes_the_bodies_that_the_gateway_takes() -> None:
    limit = f"{NGINX}/proxy-body-size"
    changed = yaml.safe_load(ALL_OPTIONS.read_text())["gateway"]["extraEnv"]

    assert annotations()[limit] == str(Limits().body)
    assert annotations(file=ALL_OPTIONS)[limit] == changed["LLMSTACK_BODY_BYTES"]


def test_annotations_of_ones_own_win() -> None:
    found = annotations(file=ALL_OPTIONS)

    assert found[f"{NGINX}/proxy-read-timeout"] == "7200"
    assert found[f"{NGINX}/proxy-send-timeout"] == "3600"
    assert found["cert-manager.io/cluster-issuer"] == "internal"


def test_every_host_has_tls_and_leads_to_the_port_of_clients() -> None:
    objects = render(file=ALL_OPTIONS)
    spec = one(objects, "Ingress")["spec"]
    (path,) = spec["rules"][0]["http"]["paths"]
    service = path["backend"]["service"]

    assert spec["tls"] == [
        {"hosts": ["llm.example.internal", "*.llm.example.internal"], "secretName": "llm-tls"}
    ]
    assert [rule["host"] for rule in spec["rules"]] == spec["tls"][0]["hosts"]
    assert service["port"]["name"] in ports(objects, service["name"])


def ports(objects: list[Object], service: str) -> dict[str, int]:
    """The ports of a Service by name."""
    (found,) = (
        body for body in objects if (body["kind"], body["metadata"]["name"]) == ("Service", service)
    )
    return {port["name"]: port["port"] for port in found["spec"]["ports"]}


def test_a_route_ends_no_request_by_its_own_clock() -> None:
    objects = render(*ROUTE)
    (rule,) = one(objects, "HTTPRoute")["spec"]["rules"]
    (backend,) = rule["backendRefs"]

    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}
    assert ports(objects, backend["name"]) == {"http": backend["port"]}


def test_timeouts_that_a_gateway_does_not_know_can_be_left_out() -> None:
    route = one(render(*ROUTE, "gateway.httpRoute.timeouts=null"), "HTTPRoute")

    assert "timeouts" not in route["spec"]["rules"][0]


def test_the_api_server_takes_the_ingress(cluster: ApiServer) -> None:
    accepted(cluster, one(render(*INGRESS), "Ingress"))
    accepted(cluster, one(render(file=ALL_OPTIONS), "Ingress"))


def test_it_says_where_it_is_reached_from_outside(empty: ApiServer) -> None:
    done = install(empty, *INGRESS)

    assert done.returncode == 0, done.stderr
    assert "\nOutside the cluster, it is https://llm.example.org/v1, once" in done.stdout


def test_a_route_is_refused_without_the_gateway_api_and_taken_with_it(empty: ApiServer) -> None:
    without = install(empty, *ROUTE)

    with defined(empty, "HTTPRoute"):
        done = install(empty, *ROUTE)
        assert done.returncode == 0, done.stderr
        accepted(empty, one(render(*ROUTE), "HTTPRoute"))
        accepted(empty, one(render(file=ALL_OPTIONS), "HTTPRoute"))
    assert without.returncode != 0
    assert "Install the Gateway API" in without.stderr
