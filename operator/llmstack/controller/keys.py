"""Which deployments does an object concern?"""

from collections.abc import Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.controller.store import Store
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind


def concerned(store: Store, kind: Kind, metadata: Mapping[str, Any]) -> list[Key]:
    """Returns the keys of the deployments that need a pass now that this object has changed.

    An LLMDeployment concerns itself. An object with its label concerns its owner. A shared object,
    such as a cache's claim, concerns every LLMDeployment of the namespace, and an object without a
    namespace concerns all of them.
    """
    namespace = metadata.get("namespace")
    if kind == LLM_DEPLOYMENT:
        return [Key(metadata["namespace"], metadata["name"])]
    owner = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    if owner and namespace:
        return [Key(namespace, owner)]
    return store.deployments(namespace)
