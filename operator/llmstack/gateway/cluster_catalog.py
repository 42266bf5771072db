"""Which models and replicas does a cluster have?

LLMDeployments ─ parse ─┐
EndpointSlices ─ read ──┼─> Catalog
root of the server keys ┘
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from llmstack.api import reasons
from llmstack.api.resource import LLMDeployment, parse
from llmstack.desired.metadata import replicas_service_name
from llmstack.desired.secret import server_key
from llmstack.errors import InvalidSpec
from llmstack.gateway.addresses import ByPod, ObjectKey
from llmstack.gateway.catalog import Absence, Catalog, Model, catalog_of
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.obstacle import obstacle_of
from llmstack.routing.budget import QueueLimits

log = logging.getLogger(__name__)


class Deployments:
    """LLMDeployments, each in its last valid form."""

    def __init__(self) -> None:
        self._read: dict[ObjectKey, tuple[str, LLMDeployment | None]] = {}

    def read(self, bodies: Mapping[ObjectKey, dict[str, Any]]) -> list[LLMDeployment]:
        """Returns the current deployments. One that has become invalid keeps its last form."""
        self._read = {key: self._newest(key, body) for key, body in bodies.items()}
        return [deployment for _, deployment in self._read.values() if deployment]

    def _newest(self, key: ObjectKey, body: dict[str, Any]) -> tuple[str, LLMDeployment | None]:
        version, known = self._read.get(key, ("", None))
        newest = body["metadata"]["resourceVersion"]
        if version == newest:
            return version, known
        try:
            return newest, parse(body)
        except InvalidSpec as error:
            log.warning(
                "cannot parse %s/%s, keeping its previous version if there is one: %s", *key, error
            )
        same = known is not None and known.uid == body["metadata"]["uid"]
        return newest, known if same else None


def build_catalog(
    deployments: Iterable[LLMDeployment], addresses: Mapping[ObjectKey, ByPod], root: bytes
) -> Catalog:
    """Returns all models with their replicas, ready or not. `addresses` is by Service."""
    return catalog_of(
        _model(each, addresses.get((each.namespace, replicas_service_name(each)), {}), root)
        for each in deployments
    )


def _model(deployment: LLMDeployment, addresses: ByPod, root: bytes) -> Model:
    spec, obstacle = deployment.spec, obstacle_of(deployment)
    key = server_key(root, deployment.namespace, deployment.name, deployment.uid)
    return Model(
        name=deployment.name,
        namespace=deployment.namespace,
        aliases=tuple(spec.model.aliases),
        mode=spec.engine.mode,
        queue=QueueLimits.of(spec.queue),
        wedge_seconds=spec.lifecycle.wedge_seconds,
        cache_sharing=spec.cache_sharing,
        slots=spec.slots,
        absence=_absence(deployment, addresses, obstacle),
        obstacle=obstacle,
        media_hosts=frozenset(spec.engine.media_hosts),
        created=deployment.created,
        uid=deployment.uid,
        held=frozenset(deployment.status.names),
        backends=tuple(
            Backend(each.id, each.host, each.port, key, each.accepting, each.leaving, each.ready)
            for _, each in sorted(addresses.items())
        ),
    )


def _absence(deployment: LLMDeployment, addresses: ByPod, obstacle: str) -> Absence:
    """Returns why no replica is there: by the addresses if any, else by the operator's status."""
    status = deployment.status
    if obstacle:
        return Absence.UNKNOWN
    if addresses or status.replicas:
        return Absence.STARTING
    asleep = any(each.reason == reasons.SCALED_TO_ZERO for each in status.conditions)
    return Absence.SLEEPING if asleep else Absence.UNKNOWN
