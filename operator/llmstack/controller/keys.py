"""Which deployments does an object concern?"""

from collections.abc import Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.controller.store import Store
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind


def concerned(store: Store, kind: Kind, metadata: Mapping[str, Any]) -> list[Key]:
    """The keys that are looked at now that this object has changed.

    An LLMDeployment concerns itself; what carries its label, its owner; what is shared, as a cache
    claim is, every LLMDeployment of the namespace; and what has no namespace, all of them.
    """
    namespace = metadata.get("namespace")
    if kind == LLM_DEPLOYMENT:
        return [Key(metadata["namespace"], metadata["name"])]
    owner = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    if owner and namespace:
        return [Key(namespace, owner)]
    return store.deployments(namespace)
