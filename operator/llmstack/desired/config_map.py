"""Whom does a download trust?"""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import Context
from llmstack.desired.metadata import CA_KEY, Object, ca_config_map_name, owned


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
