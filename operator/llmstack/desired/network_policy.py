"""Who may connect to a replica, and where may it connect to?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import Context
from llmstack.desired.egress import build_egress
from llmstack.desired.metadata import (
    DEPLOYMENT_LABEL,
    NAMESPACE_NAME_LABEL,
    PORT,
    Object,
    deployment_name,
    owned,
)


def build_network_policy(deployment: LLMDeployment, context: Context) -> Object | None:
    """In: the gateway's pods, to the server's port alone. Out: what egress.py lists.

    It is about all pods of the deployment: the one that proves an edit fetches, too. None if
    everybody may. Probes come from the node, which a NetworkPolicy never keeps out.
    """
    gateway, restricted = context.gateway, context.egress.restricted
    if not gateway.pods:
        return None
    # No rule at all lets nothing out. An empty list would differ from what the API server keeps.
    rules = build_egress(deployment, context) if restricted else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owned(deployment, deployment_name(deployment)),
        "spec": {
            "podSelector": {"matchLabels": {DEPLOYMENT_LABEL: deployment.name}},
            "policyTypes": ["Ingress", "Egress"] if restricted else ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {
                                "matchLabels": {NAMESPACE_NAME_LABEL: gateway.namespace}
                            },
                            "podSelector": {"matchLabels": dict(gateway.pods)},
                        }
                    ],
                    "ports": [{"port": PORT, "protocol": "TCP"}],
                }
            ],
            **({"egress": rules} if rules else {}),
        },
    }
