"""Under which name are the replicas found?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import (
    PORT,
    PORT_NAME,
    Object,
    owned,
    replicas_service_name,
    selector,
)


def build_replicas_service(deployment: LLMDeployment) -> Object:
    """A headless Service whose EndpointSlices list exactly the ready replicas.

    `publishNotReadyAddresses` stays away, which means false: a replica that loads gets no traffic.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owned(deployment, replicas_service_name(deployment)),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": selector(deployment),
            "ports": [
                {"name": PORT_NAME, "port": PORT, "protocol": "TCP", "targetPort": PORT_NAME}
            ],
        },
    }
