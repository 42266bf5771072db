"""As whom do replicas run?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import Object, deployment_name, owned


def build_service_account(deployment: LLMDeployment) -> Object:
    """A ServiceAccount of their own, without a token: replicas never call the Kubernetes API."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": owned(deployment, deployment_name(deployment)),
        "automountServiceAccountToken": False,
    }
