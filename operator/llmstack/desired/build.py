"""Which objects should exist for a deployment?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.cache import build_cache_claim
from llmstack.desired.config_map import build_ca_config_map, build_template_config_map
from llmstack.desired.context import Context
from llmstack.desired.deployment import build_deployment
from llmstack.desired.drift import with_applied_hash
from llmstack.desired.horizontal_pod_autoscaler import build_horizontal_pod_autoscaler
from llmstack.desired.job import build_proof_job
from llmstack.desired.metadata import Object
from llmstack.desired.network_policy import build_network_policy
from llmstack.desired.pod_disruption_budget import build_pod_disruption_budget
from llmstack.desired.secret import build_key_secret
from llmstack.desired.service import build_gateway_service, build_replicas_service
from llmstack.desired.service_account import build_service_account


def build(deployment: LLMDeployment, context: Context) -> tuple[Object, ...]:
    """All objects. Those before the Deployment are applied before it, those behind it afterwards.

    What pods mount, run as or are shielded by comes before it, so that no pod waits for that or
    runs without it; so does the record that the Deployment names. Raises InvalidInput
    (InvalidSpec, InvalidSource) when no object can be built from the spec.
    """
    workload = build_deployment(deployment, context)
    objects = (
        build_service_account(deployment),
        build_key_secret(deployment, context.server_key),
        build_ca_config_map(deployment, context),
        build_cache_claim(deployment),
        build_replicas_service(deployment),
        build_gateway_service(deployment, context.gateway),
        build_network_policy(deployment, context),
        build_pod_disruption_budget(deployment),
        build_proof_job(deployment, context),
        build_template_config_map(deployment, context, workload),
        workload,
        build_horizontal_pod_autoscaler(deployment),
    )
    return tuple(with_applied_hash(item) for item in objects if item is not None)
