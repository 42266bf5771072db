"""Which LLMDeployment is meant?"""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Key:
    """Namespace and name of an LLMDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
