"""Under which names may clients ask for a deployment?"""

from llmstack.api.resource import LLMDeployment


def full_name(namespace: str, name: str) -> str:
    """The name that nobody else can have."""
    return f"{namespace}/{name}"


def claimed_names(deployment: LLMDeployment) -> tuple[str, ...]:
    """All names that clients may send as `model`, the one that is always its own first.

    The others hold as long as no other deployment claims them too.
    """
    own = full_name(deployment.namespace, deployment.name)
    return tuple(dict.fromkeys((own, deployment.name, *deployment.spec.model.aliases)))
