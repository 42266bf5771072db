"""Under which names are a deployment and its replicas found?"""

from llmstack.desired.metadata import Object
from tests.unit.desired.samples import all_built, pod


def service(name: str) -> Object:
    (found,) = (item for item in all_built("Service") if item["metadata"]["name"] == name)
    return found


def test_its_own_name_is_an_alias_of_the_gateway_on_the_port_of_plain_http() -> None:
    spec = service("qwen")["spec"]
    assert spec["type"] == "ExternalName"
    assert spec["externalName"] == "gateway.llm-stack.svc.cluster.local"
    assert [port["port"] for port in spec["ports"]] == [80]
    assert "selector" not in spec


def test_the_replicas_are_behind_a_headless_one_that_lists_the_ready_ones_only() -> None:
    spec = service("qwen-replicas")["spec"]
    assert spec["clusterIP"] == "None"
    assert not spec.get("publishNotReadyAddresses")


def test_the_port_of_the_replicas_is_the_servers() -> None:
    (port,) = service("qwen-replicas")["spec"]["ports"]
    (container_port,) = pod()["containers"][0]["ports"]
    assert port["targetPort"] == container_port["name"]
    assert port["port"] == container_port["containerPort"] == 8080
