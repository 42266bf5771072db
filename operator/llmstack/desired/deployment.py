"""How are the replicas run and replaced?"""

from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.cache import may_be_tied_to_one_node
from llmstack.desired.context import Context
from llmstack.desired.metadata import (
    Object,
    deployment_name,
    owned,
    selector,
    template_config_map_name,
)
from llmstack.desired.template import annotate, before, choose_template, record, template_hash

_PROGRESS_MARGIN_SECONDS = 60
_HISTORY = 2


def build_deployment(deployment: LLMDeployment, context: Context) -> Object:
    """The Deployment, without `replicas`: that field has a manager of its own (replicas.py)."""
    chosen = choose_template(deployment, context)
    metadata = owned(deployment, deployment_name(deployment))
    elsewhere = template_config_map_name(deployment, template_hash(chosen.template))
    metadata["annotations"] = record(chosen, elsewhere)
    metadata["annotations"] |= before({"metadata": metadata}, context.record_places)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": selector(deployment)},
            "revisionHistoryLimit": _HISTORY,
            "progressDeadlineSeconds": progress_deadline(deployment.spec),
            "strategy": strategy(deployment.spec),
            "template": annotate(chosen.template, context.server_key),
        },
    }


def progress_deadline(spec: LLMDeploymentSpec) -> int:
    """Return the seconds without progress after which a rollout has failed.

    Later than the startup probe gives up, so that the container's own end is seen first.
    """
    return spec.lifecycle.startup_timeout_seconds + _PROGRESS_MARGIN_SECONDS


def replaces_old_first(spec: LLMDeploymentSpec) -> bool:
    """Whether a replica is stopped before the one that replaces it starts."""
    return spec.accelerator.present or may_be_tied_to_one_node(spec)


def strategy(spec: LLMDeploymentSpec) -> Object:
    """Return the update strategy of the Deployment.

    The new one first keeps the service up, but it needs room beside the old one. Where that room
    may not exist, waiting for it never ends, so the old one goes first:

    - with an accelerator: all devices may be in use by the very replicas that are replaced;
    - with a volume that may attach to one node only: the new pod must fit beside the old one there.

    With a single replica, old first is a gap, and the gateway holds the requests.
    """
    surge, unavailable = (0, 1) if replaces_old_first(spec) else (1, 0)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }
