"""What does the chart install for several gateways, and nothing of it for one?"""

from __future__ import annotations

import pytest

from llmstack.settings.gateway import GatewaySettings
from llmstack.settings.operator import OperatorSettings
from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted
from tests.integration.chart.helm import CHART, IMAGES, Object, render

TWO = (*IMAGES, "gateway.replicas=2")
MANY = (*IMAGES, "gateway.replicas=1", "gateway.autoscaling.enabled=true")
NAME = "llm-stack-gateway"


def named(objects: list[Object], kind: str, name: str) -> Object | None:
    found = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return next(found, None)


def deployment(objects: list[Object], name: str = NAME) -> Object:
    found = named(objects, "Deployment", name)
    assert found
    return found


def pod(objects: list[Object], name: str = NAME) -> Object:
    spec: Object = deployment(objects, name)["spec"]["template"]["spec"]
    return spec


def env(spec: Object, **fields: str) -> dict[str, str]:
    """The container's variables; those that are read from `fields` of the pod have these values."""
    return {
        each["name"]: each.get("value") or fields.get(each["name"], "1")
        for each in spec["containers"][0]["env"]
    }


def test_one_gateway_has_nothing_of_peers() -> None:
    objects = render(*IMAGES)
    assert named(objects, "Service", f"{NAME}-peers") is None
    assert named(objects, "PodDisruptionBudget", NAME) is None
    assert not GatewaySettings.from_env(env(pod(objects))).peers_service
    assert "tolerations" not in pod(objects)
    policy = named(objects, "NetworkPolicy", NAME)
    assert policy
    assert "9191" not in str(policy)


def test_several_find_each_other_and_the_operator_follows_all() -> None:
    objects = render(*TWO)
    service = named(objects, "Service", f"{NAME}-peers")
    assert service
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    settings = GatewaySettings.from_env(env(pod(objects), POD_IP="10.0.0.1"))
    assert (settings.peers_service, settings.peers_port) == (f"{NAME}-peers", 9191)
    assert settings.pod_ip == "10.0.0.1"
    ports = {each["name"]: each["containerPort"] for each in pod(objects)["containers"][0]["ports"]}
    assert ports["peers"] == settings.peers_port
    operator = OperatorSettings.from_env(env(pod(objects, "llm-stack")))
    assert f"//{NAME}-peers.llm-stack." in operator.gateway_load_url


def test_several_are_spread_and_given_up_soon_with_their_node() -> None:
    spec = pod(render(*TWO))
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert {each["tolerationSeconds"] for each in spec["tolerations"]} == {5}


LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@pytest.mark.parametrize(
    ("own", "added"),
    [
        ("key=example.com/system", LOST),
        (f"key={LOST[0]}", LOST[1:]),
        ("operator=Exists", ()),
    ],
    ids=["others", "one of the two", "all"],
)
def test_own_tolerations_keep_what_they_say_of_lost_nodes(own: str, added: tuple[str, ...]) -> None:
    name, _, value = own.partition("=")
    first, *rest = pod(render(*TWO, f"gateway.tolerations[0].{own}"))["tolerations"]
    assert first == {name: value}
    assert tuple(each["key"] for each in rest) == added


def test_an_autoscaler_has_the_number_of_gateways_to_itself() -> None:
    objects = render(*MANY)
    autoscaler = named(objects, "HorizontalPodAutoscaler", NAME)
    assert autoscaler
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == NAME
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (2, 6)
    assert "replicas" not in deployment(objects)["spec"]
    assert named(objects, "PodDisruptionBudget", NAME)
    assert named(render(*TWO), "HorizontalPodAutoscaler", NAME) is None


def test_prometheus_reads_each_gateway_once() -> None:
    objects = render(*TWO, "serviceMonitor.enabled=true")
    monitor = named(objects, "ServiceMonitor", NAME)
    assert monitor
    (endpoint,) = monitor["spec"]["endpoints"]
    labels = monitor["spec"]["selector"]["matchLabels"].items()
    read = [
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Service"
        and labels <= each["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in each["spec"]["ports"]}
    ]
    assert read == [f"{NAME}-admin"]


def test_only_gateways_reach_the_port_of_peers() -> None:
    policy = named(render(*TWO), "NetworkPolicy", NAME)
    assert policy
    (rule,) = [each for each in policy["spec"]["ingress"] if each["ports"][0]["port"] == 9191]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchLabels"] == policy["spec"]["podSelector"]["matchLabels"]


def test_the_api_server_takes_all_of_it(cluster: ApiServer) -> None:
    objects = render(file=CHART / "ci" / "gateways-values.yaml")
    for kind, name in [
        ("Deployment", NAME),
        ("Service", f"{NAME}-peers"),
        ("PodDisruptionBudget", NAME),
        ("HorizontalPodAutoscaler", NAME),
        ("NetworkPolicy", NAME),
        ("Role", NAME),
    ]:
        found = named(objects, kind, name)
        assert found, kind
        accepted(cluster, found)
