"""What does the chart install for several gateways, and nothing of it for one?"""

from __future__ import annotations

from llmstack.settings.gateway import GatewaySettings
from llmstack.settings.operator import OperatorSettings
from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted
from tests.integration.chart.helm import CHART, IMAGES, Object, render

TWO = (*IMAGES, "gateway.replicas=2")
NAME = "llm-stack-gateway"


def named(objects: list[Object], kind: str, name: str) -> Object | None:
    found = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return next(found, None)


def pod(objects: list[Object], name: str = NAME) -> Object:
    deployment = named(objects, "Deployment", name)
    assert deployment
    spec: Object = deployment["spec"]["template"]["spec"]
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
    own = pod(render(*TWO, "gateway.tolerations[0].operator=Exists"))
    assert own["tolerations"] == [{"operator": "Exists"}]


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
        ("NetworkPolicy", NAME),
        ("Role", NAME),
    ]:
        found = named(objects, kind, name)
        assert found, kind
        accepted(cluster, found)
