"""Under which names may clients ask for a deployment, and who has a name that several claim?

A name belongs to one deployment, and no apply takes it away from the one that has it:

    namespace/name    always that deployment's
    own name          the deployment that was created first; it beats every alias
    alias             the deployment that has it already (status.names), else the one created first
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmstack.api.resource import LLMDeployment


@dataclass(frozen=True)
class Claim:
    """The names that one deployment claims.

    `created` is the creation time as the API server writes it, which sorts as text. `held` are the
    names that it had when its status was last written.
    """

    namespace: str
    name: str
    uid: str = ""
    created: str = ""
    aliases: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        """The name that nobody else can have."""
        return full_name(self.namespace, self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that are claimed, the full one first."""
        return tuple(dict.fromkeys((self.full_name, self.name, *self.aliases)))

    def standing(self, name: str) -> tuple[int, bool, str, str, str]:
        """How strong the claim to one of its names is; the smallest has it."""
        is_alias = name not in (self.full_name, self.name)
        kind = 2 if is_alias else int(name != self.full_name)
        newcomer = is_alias and name not in self.held
        return kind, newcomer, self.created, self.full_name, self.uid


def full_name(namespace: str, name: str) -> str:
    """The name that nobody else can have; just `name` where there is no namespace."""
    return f"{namespace}/{name}" if namespace else name


def claim_of(deployment: LLMDeployment) -> Claim:
    """What a deployment claims."""
    return Claim(
        deployment.namespace,
        deployment.name,
        deployment.uid,
        deployment.created,
        tuple(deployment.spec.model.aliases),
        frozenset(deployment.status.names),
    )


def holder(name: str, claims: Iterable[Claim]) -> Claim:
    """The one of these claims to a name that has it. Raises ValueError if there is none."""
    return min(claims, key=lambda claim: claim.standing(name))
