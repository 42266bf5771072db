"""Which deployments does an object concern?"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind


class KnownKeys:
    """Which LLMDeployments exist, as far as the watches have told?"""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)

    def concerned(
        self, kind: Kind, metadata: Mapping[str, Any], *, deleted: bool = False
    ) -> list[Key]:
        """Which keys are looked at now that this object has changed?

        An LLMDeployment concerns itself; what carries its label, its owner; and what is shared,
        as a cache claim is, every LLMDeployment of the namespace.
        """
        namespace = metadata["namespace"]
        if kind == LLM_DEPLOYMENT:
            key = Key(namespace, metadata["name"])
            self._note(key, deleted=deleted)
            return [key]
        owner = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
        if owner:
            return [Key(namespace, owner)]
        return [Key(namespace, name) for name in sorted(self._names.get(namespace, ()))]

    def _note(self, key: Key, *, deleted: bool) -> None:
        if not deleted:
            self._names[key.namespace].add(key.name)
            return
        self._names[key.namespace].discard(key.name)
        if not self._names[key.namespace]:
            del self._names[key.namespace]
