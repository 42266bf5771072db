"""Under which name are the replicas found?"""

from tests.unit.desired.samples import built, pod


def test_it_is_headless_and_lists_ready_replicas_only() -> None:
    service = built("Service")
    assert service["metadata"]["name"] == "qwen-replicas"
    assert service["spec"]["clusterIP"] == "None"
    assert not service["spec"].get("publishNotReadyAddresses")


def test_its_port_is_the_servers() -> None:
    (port,) = built("Service")["spec"]["ports"]
    (container_port,) = pod()["containers"][0]["ports"]
    assert port["targetPort"] == container_port["name"]
    assert port["port"] == container_port["containerPort"] == 8080
