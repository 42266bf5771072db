"""What does a pass need that is not watched?

Secrets and ConfigMaps of the operator, and Secrets and claims of the user. They are read by name,
as rarely as named.py allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.controller.named import Named
from llmstack.controller.observe_objects import named_claims, named_secrets
from llmstack.controller.store import Store
from llmstack.desired import metadata as names
from llmstack.desired.template import places
from llmstack.kube.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from llmstack.kube.objects import Object


@dataclass(frozen=True)
class Unwatched:
    """What was read: children by name, and the Secrets in the spec that are missing.

    `claims` are all that may concern the deployment, including watched ones.
    """

    children: list[Object]
    claims: list[Object]
    missing_secrets: tuple[str, ...]


async def read_unwatched(store: Store, named: Named, deployment: LLMDeployment) -> Unwatched:
    """Reads all of it. Raises ApiError if any part cannot be read."""
    key = Key(deployment.namespace, deployment.name)
    mounted = mounted_claims(deployment)
    made = _made_claims(store, key, mounted)
    others = sorted(mounted - {claim["metadata"]["name"] for claim in made})
    secrets = named_secrets(deployment.spec)
    children = _children(store, deployment)
    named.only(key, {*children, *_named(SECRET, secrets), *_named(CLAIM, others)})
    read = [await named.child(deployment, kind, name) for kind, name in children]
    missing = [name for name in secrets if not await named.is_there(key, SECRET, name)]
    claims = [await named.get(key, CLAIM, name) for name in others]
    return Unwatched(
        [child for child in read if child],
        made + [claim for claim in claims if claim],
        tuple(missing),
    )


def mounted_claims(deployment: LLMDeployment) -> set[str]:
    """Returns the names of the claims that the deployment mounts, except its pods' own."""
    wanted = set(named_claims(deployment.spec))
    if deployment.spec.cache.access_mode:
        wanted.add(names.cache_claim_name(deployment.spec.cache))
    return wanted


def _made_claims(store: Store, key: Key, mounted: set[str]) -> list[Object]:
    """Returns claims with the operator's label: its pods' own, and shared ones it mounts."""
    own = store.owned(key, CLAIM)
    others = sorted(mounted - {claim["metadata"]["name"] for claim in own})
    shared = (store.get(CLAIM, key.namespace, name) for name in others)
    return own + [claim for claim in shared if claim]


def _children(store: Store, deployment: LLMDeployment) -> list[tuple[Kind, str]]:
    """Returns Secrets and ConfigMaps that the operator may have made for the deployment."""
    workload = store.get(DEPLOYMENT, deployment.namespace, names.deployment_name(deployment))
    if workload is None and deployment.status.observed_generation is None:
        return []  # Nothing was made for it yet. If something exists, creating it will show that.
    found = [
        (SECRET, names.key_secret_name(deployment)),
        (CONFIG_MAP, names.ca_config_map_name(deployment)),
    ]
    return [*found, *((CONFIG_MAP, name) for name in places(workload))]


def _named(kind: Kind, wanted: Iterable[str]) -> set[tuple[Kind, str]]:
    return {(kind, name) for name in wanted}
