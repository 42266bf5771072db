"""How many replicas may a node drain take at once?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import Object, deployment_name, owned, selector


def build_pod_disruption_budget(deployment: LLMDeployment) -> Object:
    """One replica at a time.

    Built for any number of replicas: `maxUnavailable: 1` never blocks the drain of a node, not
    even with a single replica. A replica that is not ready serves no one, so it may always go.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": owned(deployment, deployment_name(deployment)),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(deployment)},
        },
    }
