"""Who may connect to a replica?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import GatewayPlace
from llmstack.desired.metadata import PORT, Object, deployment_name, owned, selector

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""A label that the API server itself puts on each namespace."""


def build_network_policy(deployment: LLMDeployment, gateway: GatewayPlace) -> Object | None:
    """The gateway's pods, and on the server's port alone; None if everybody may.

    Probes come from the node, which a NetworkPolicy never keeps out. What a replica connects to
    (its model's source) is not restricted.
    """
    if not gateway.pods:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owned(deployment, deployment_name(deployment)),
        "spec": {
            "podSelector": {"matchLabels": selector(deployment)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {
                                "matchLabels": {_NAMESPACE_NAME: gateway.namespace}
                            },
                            "podSelector": {"matchLabels": dict(gateway.pods)},
                        }
                    ],
                    "ports": [{"port": PORT, "protocol": "TCP"}],
                }
            ],
        },
    }
