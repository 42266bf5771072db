"""Who may connect to operator and gateway? Under an enforcer: tests/e2e/gateway."""

from __future__ import annotations

import json

import pytest

from tests.integration.chart.helm import IMAGES, Object, render, template

PARTS = ("llm-stack", "llm-stack-gateway")
MONITORING = "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team"
METRICS = {"llm-stack": 8080, "llm-stack-gateway": 9090}
OURS = {"app.kubernetes.io/name": "llm-stack", "app.kubernetes.io/instance": "llm-stack"}


def named(objects: list[Object], kind: str, name: str) -> Object:
    """The object of this kind and name."""
    (found,) = (
        body for body in objects if (body["kind"], body["metadata"]["name"]) == (kind, name)
    )
    return found


def allowed(policy: Object) -> dict[int, object]:
    """Port -> from where: None is everywhere."""
    return {
        port["port"]: rule.get("from")
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }


@pytest.mark.parametrize("values", [(), ("namespaces={team-a}",)])
@pytest.mark.parametrize("part", PARTS)
def test_each_port_that_a_part_has_is_open_to_everybody(part: str, values: tuple[str, ...]) -> None:
    objects = render(*IMAGES, *values)
    pod = named(objects, "Deployment", part)["spec"]["template"]
    policy = named(objects, "NetworkPolicy", part)

    listens = {port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
    assert allowed(policy) == dict.fromkeys(listens)
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("part", "component"), [("llm-stack", "test"), ("llm-stack-gateway", "operator")]
)
def test_metrics_are_read_by_whom_the_values_name_and_by_the_stack_itself(
    part: str, component: str
) -> None:
    objects = render(*IMAGES, f"{MONITORING}=watchers")
    policy = named(objects, "NetworkPolicy", part)

    metrics = METRICS[part]
    ours = {"podSelector": {"matchLabels": {**OURS, "app.kubernetes.io/component": component}}}
    watchers = {"namespaceSelector": {"matchLabels": {"team": "watchers"}}}
    ports = allowed(policy)
    assert ports.pop(metrics) == [ours, watchers]
    assert set(ports.values()) == {None}


def test_there_are_none_where_none_are_wanted() -> None:
    kinds = {body["kind"] for body in render(*IMAGES, "networkPolicy.enabled=false")}

    assert "NetworkPolicy" not in kinds


def egress(*values: str) -> dict[str, str]:
    """What the operator is told of where replicas may connect to."""
    (container,) = named(render(*IMAGES, *values), "Deployment", "llm-stack")["spec"]["template"][
        "spec"
    ]["containers"]
    return {
        item["name"]: item["value"]
        for item in container["env"]
        if item["name"].startswith("LLMSTACK_REPLICA_EGRESS")
    }


def test_replicas_connect_to_their_sources_alone_unless_the_values_say_more() -> None:
    assert egress() == {}
    assert egress("networkPolicy.egress.enabled=false") == {"LLMSTACK_REPLICA_EGRESS": "open"}
    allowed = egress("networkPolicy.egress.allow[0].to[0].ipBlock.cidr=10.1.2.3/32")
    assert json.loads(allowed["LLMSTACK_REPLICA_EGRESS_ALLOW"]) == [
        {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}
    ]


def test_a_reader_that_no_networkpolicy_knows_is_refused() -> None:
    done = template(*IMAGES, "networkPolicy.metricsFrom[0].namespace=monitoring")

    assert done.returncode != 0
    assert "namespace" in done.stderr
