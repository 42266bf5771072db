"""Who may connect to a replica, and where may it connect to?"""

from dataclasses import replace

from llmstack.desired import Egress, GatewayPlace
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


def test_it_is_about_all_pods_of_the_deployment_and_about_both_ways() -> None:
    policy, workload = built("NetworkPolicy"), built("Deployment")

    wanted = policy["spec"]["podSelector"]["matchLabels"]
    assert wanted == {"llmstack.dev/deployment": "qwen"}
    assert wanted.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_what_they_connect_to_may_be_left_open() -> None:
    spec = built("NetworkPolicy", replace(CONTEXT, egress=Egress(restricted=False)))["spec"]

    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec


def test_without_labels_of_gateway_pods_there_is_none() -> None:
    open_to_all = replace(CONTEXT, gateway=GatewayPlace(host="gateway.llm-stack.svc"))

    assert not all_built("NetworkPolicy", open_to_all)
    assert len(all_built("Service", open_to_all)) == 2
