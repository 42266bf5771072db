"""Who may connect to a replica?"""

from dataclasses import replace

from llmstack.desired import GatewayPlace
from tests.unit.desired.samples import CONTEXT, all_built, built, pod


def test_only_the_gateways_pods_may_and_only_to_the_servers_port() -> None:
    spec = built("NetworkPolicy")["spec"]

    (rule,) = spec["ingress"]
    # One item with both selectors: pods that match AND are in that namespace.
    (source,) = rule["from"]
    assert source == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "llm-stack"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "gateway"}},
    }
    (container_port,) = pod()["containers"][0]["ports"]
    assert rule["ports"] == [{"port": container_port["containerPort"], "protocol": "TCP"}]


def test_it_is_about_the_replicas_and_about_what_comes_in() -> None:
    policy, workload = built("NetworkPolicy"), built("Deployment")

    assert policy["spec"]["podSelector"] == workload["spec"]["selector"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]


def test_without_labels_of_gateway_pods_there_is_none() -> None:
    open_to_all = replace(CONTEXT, gateway=GatewayPlace(host="gateway.llm-stack.svc"))

    assert not all_built("NetworkPolicy", open_to_all)
    assert len(all_built("Service", open_to_all)) == 2
