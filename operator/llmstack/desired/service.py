"""Under which names are a deployment and its replicas found?

`<name>`            leads to the gateway: this is the address for clients
`<name>-replicas`   lists the replicas: this is where the gateway finds them
"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import GatewayPlace
from llmstack.desired.metadata import (
    GATEWAY_PORT,
    PORT,
    PORT_NAME,
    Object,
    gateway_service_name,
    owned,
    replicas_service_name,
    selector,
)


def build_gateway_service(deployment: LLMDeployment, gateway: GatewayPlace) -> Object | None:
    """An alias of the gateway's Service, or None without a gateway.

    It tells the deployment by the Host header that clients send with this name, so that any `model`
    will do.
    """
    if not gateway.host:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owned(deployment, gateway_service_name(deployment)),
        "spec": {
            "type": "ExternalName",
            "externalName": gateway.host,
            "ports": [
                {
                    "name": PORT_NAME,
                    "port": GATEWAY_PORT,
                    "protocol": "TCP",
                    "targetPort": GATEWAY_PORT,
                }
            ],
        },
    }


def build_replicas_service(deployment: LLMDeployment) -> Object:
    """A headless Service whose EndpointSlices list exactly the ready replicas.

    `publishNotReadyAddresses` stays away, which means false: a replica that loads gets no traffic.
    So does `ipFamilyPolicy`: the cluster's first family, IPv6 where there is no other, is the one
    that all pods have.
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
