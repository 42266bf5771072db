"""Where may a replica connect to?"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from llmstack.desired import Egress
from tests.unit.desired.samples import CONTEXT, built

HUB = "hf://owner/repo/model.gguf"
WEB = "https://models.example/model.gguf"
CLAIM = "pvc://models/model.gguf"


def rules(source: str, env: Mapping[str, str] | None = None, **model: Any) -> list[dict[str, Any]]:
    """The rules for a model from there."""
    context = replace(CONTEXT, fetch_env=dict(env or {}))
    policy = built("NetworkPolicy", context, model={"source": source, **model})
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    found: list[dict[str, Any]] = policy["spec"].get("egress", [])
    return found


def reaches(found: list[dict[str, Any]], address: str, port: int, protocol: str = "TCP") -> bool:
    """Whether some rule lets a connection to this address through, as Kubernetes reads rules."""
    return any(
        ({"port": port, "protocol": protocol} in rule["ports"] if "ports" in rule else True)
        and ("to" not in rule or any(_holds(peer, address) for peer in rule["to"]))
        for rule in found
    )


def _holds(peer: Mapping[str, Any], address: str) -> bool:
    block = peer.get("ipBlock")
    if block is None:
        return False
    where = ipaddress.ip_address(address)
    inside = ipaddress.ip_network(block["cidr"])
    return (
        inside.version == where.version
        and where in inside
        and not any(where in ipaddress.ip_network(each) for each in block["except"])
    )


def namespaces(found: list[dict[str, Any]]) -> list[str]:
    """Namespaces all of whose pods may be reached."""
    return [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in found
        for peer in rule.get("to", ())
        if "namespaceSelector" in peer
    ]


ANYWHERE, METADATA, INSIDE, API = "192.0.2.7", "169.254.169.254", "10.1.2.3", "10.96.0.1"

REACHED = [
    # what, source, environment, address, port, whether it is reached
    ("the hub", HUB, {}, ANYWHERE, 443, True),
    ("the hub by IPv6", HUB, {}, "2001:db8::1", 443, True),
    ("the hub by plain HTTP", HUB, {}, ANYWHERE, 80, False),
    ("no other port", HUB, {}, ANYWHERE, 22, False),
    ("no address inside, for a model of the hub", HUB, {}, INSIDE, 443, False),
    ("not the API server either", HUB, {}, API, 443, False),
    ("nor by IPv6", HUB, {}, "fd00::1", 443, False),
    ("no credentials of a cloud", HUB, {}, METADATA, 443, False),
    ("nor by their IPv6 address", WEB, {}, "fd00:ec2::254", 443, False),
    ("nor for another host", WEB, {}, METADATA, 443, False),
    ("a host that may be inside", WEB, {}, INSIDE, 443, True),
    ("a port that the address names", "https://m.example:8443/m.gguf", {}, INSIDE, 8443, True),
    ("where a redirect may lead", "https://m.example:8443/m.gguf", {}, ANYWHERE, 443, True),
    ("plain HTTP", "http://m.example/m.gguf", {}, ANYWHERE, 80, True),
    ("a redirect from it to TLS", "http://m.example/m.gguf", {}, ANYWHERE, 443, True),
    ("plain HTTP at the cloud", "http://m.example/m.gguf", {}, METADATA, 80, False),
    ("a mirror of the hub", HUB, {"HF_ENDPOINT": "http://mirror.corp:8080"}, INSIDE, 8080, True),
    ("a proxy", HUB, {"HTTPS_PROXY": "http://u:p@proxy.corp:3128"}, INSIDE, 3128, True),
    ("a proxy without a scheme", HUB, {"HTTPS_PROXY": "proxy.corp:3128"}, INSIDE, 3128, True),
    ("nothing outside for a Service", "http://m.store.svc/m.gguf", {}, ANYWHERE, 443, False),
    ("nor the API server", "http://m.store.svc/m.gguf", {}, API, 443, False),
    ("names for a Service", "http://m.store.svc/m.gguf", {}, ANYWHERE, 53, True),
    ("a host of two labels may be outside", "http://example.com/m.gguf", {}, ANYWHERE, 80, True),
    ("an address inside", "http://10.1.2.3:9000/m.gguf", {}, INSIDE, 9000, True),
    ("no DNS for a claim", CLAIM, {}, ANYWHERE, 53, False),
    ("nothing for a claim", CLAIM, {}, ANYWHERE, 443, False),
    ("no proxy for a claim", CLAIM, {"HTTPS_PROXY": "http://proxy:3128"}, INSIDE, 3128, False),
]


@pytest.mark.parametrize(
    ("what", "source", "env", "address", "port", "reached"),
    REACHED,
    ids=[row[0] for row in REACHED],
)
def test_what_is_reached(
    what: str, source: str, env: dict[str, str], address: str, port: int, reached: bool
) -> None:
    assert reaches(rules(source, env), address, port) is reached


def test_names_are_resolved_also_by_a_cache_on_the_node() -> None:
    for protocol in ("UDP", "TCP"):
        assert reaches(rules(HUB), "169.254.20.10", 53, protocol)


def test_a_claim_alone_needs_nothing() -> None:
    assert rules(CLAIM) == []


def test_a_projector_counts_too() -> None:
    assert reaches(rules(CLAIM, mmproj={"source": HUB}), ANYWHERE, 443)


IN_THE_CLUSTER = [
    ("http://models.store.svc/m.gguf", {}, ["store"]),
    ("http://models.store.svc.cluster.local:8080/m.gguf", {}, ["store"]),
    ("http://models.store/m.gguf", {}, ["store"]),
    ("http://models/m.gguf", {}, ["team-a"]),
    ("http://10.1.2.3/m.gguf", {}, []),
    ("https://models.example.org/m.gguf", {}, []),
    (HUB, {}, []),
    (HUB, {"HTTPS_PROXY": "http://squid.proxies.svc:3128"}, ["proxies"]),
    ("http://a.one.svc/m.gguf", {"HTTP_PROXY": "b.two.svc:1"}, ["one", "two"]),
]


@pytest.mark.parametrize(("source", "env", "expected"), IN_THE_CLUSTER)
def test_a_service_is_reached_at_any_port_of_its_pods(
    source: str, env: dict[str, str], expected: list[str]
) -> None:
    assert namespaces(rules(source, env)) == expected


def test_hosts_of_media_are_reached() -> None:
    engine = {"mediaHosts": ["images.example.org:8080", "pictures.store.svc"]}
    policy = built("NetworkPolicy", CONTEXT, model={"source": CLAIM}, engine=engine)
    found = policy["spec"]["egress"]
    for port in (80, 443, 8080):
        assert reaches(found, ANYWHERE, port)
    assert not reaches(found, METADATA, 80)
    assert namespaces(found) == ["store"]


def test_further_rules_are_added() -> None:
    more = {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 9000}]}
    context = replace(CONTEXT, egress=Egress(allow=(more,)))
    policy = built("NetworkPolicy", context, model={"source": CLAIM})
    assert policy["spec"]["egress"] == [more]
