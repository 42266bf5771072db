"""Whom does a download trust, and where is a record that is too large for an annotation?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import Context
from llmstack.desired.metadata import CA_KEY, TEMPLATE_KEY, Object, ca_config_map_name, owned
from llmstack.desired.template import choose_template, pack, place


def build_ca_config_map(deployment: LLMDeployment, context: Context) -> Object | None:
    """The operator's CA bundle, where the pods can mount it; None if there is none."""
    if not context.ca_bundle:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned(deployment, ca_config_map_name(deployment)),
        "data": {CA_KEY: context.ca_bundle},
    }


def build_template_config_map(
    deployment: LLMDeployment, context: Context, workload: Object
) -> Object | None:
    """The recorded pod template of this Deployment; None if it is in the Deployment itself."""
    name = place(workload)
    if not name:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned(deployment, name),
        "immutable": True,
        "data": {TEMPLATE_KEY: pack(choose_template(deployment, context))},
    }
