"""Which models and replicas does a cluster have?

LLMDeployments ─ parse ─┐
EndpointSlices ─────────┼─> Catalog
root of the server keys ┘
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api import reasons
from llmstack.api.resource import LLMDeployment, parse
from llmstack.desired.metadata import PORT_NAME, SERVICE_LABEL, replicas_service_name
from llmstack.desired.secret import server_key
from llmstack.errors import InvalidSpec
from llmstack.gateway.catalog import Absence, Backend, Catalog, Model, QueueLimits, catalog_of
from llmstack.gateway.obstacle import obstacle_of

log = logging.getLogger(__name__)

Object = Mapping[str, Any]
ObjectKey = tuple[str, str]
"""Namespace and name."""


class Deployments:
    """LLMDeployments, each as it could last be read."""

    def __init__(self) -> None:
        self._read: dict[ObjectKey, tuple[str, LLMDeployment | None]] = {}

    def read(self, bodies: Mapping[ObjectKey, dict[str, Any]]) -> list[LLMDeployment]:
        """What do they say now? One that cannot be read any more stays as it was."""
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
            log.warning("%s/%s is served as it was before, if at all: %s", *key, error)
        same = known is not None and known.uid == body["metadata"]["uid"]
        return newest, known if same else None


@dataclass(frozen=True)
class Endpoint:
    """Where is a replica? `id` is the name of its pod."""

    id: str
    host: str
    port: int
    accepting: bool
    leaving: bool = False

    @property
    def rank(self) -> tuple[bool, bool]:
        """Which of several addresses of one pod to use: the highest.

        One of IPv4 is before one of IPv6, on which servers of older templates do not listen.
        """
        return self.accepting, ":" not in self.host


def build_catalog(
    deployments: Iterable[LLMDeployment], slices: Iterable[Object], root: bytes
) -> Catalog:
    """All models with the replicas that there are, ready or not."""
    endpoints = _endpoints(slices)
    return catalog_of(
        _model(each, endpoints.get((each.namespace, replicas_service_name(each)), {}), root)
        for each in deployments
    )


def _model(deployment: LLMDeployment, endpoints: Mapping[str, Endpoint], root: bytes) -> Model:
    spec, obstacle = deployment.spec, obstacle_of(deployment)
    key = server_key(root, deployment.namespace, deployment.name, deployment.uid)
    return Model(
        name=deployment.name,
        namespace=deployment.namespace,
        aliases=tuple(spec.model.aliases),
        mode=spec.engine.mode,
        queue=QueueLimits(
            spec.queue.max_requests,
            spec.queue.timeout_seconds,
            spec.queue.cold_start_timeout_seconds,
            spec.queue.reserve,
        ),
        wedge_seconds=spec.lifecycle.wedge_seconds,
        cache_sharing=spec.cache_sharing,
        slots=spec.slots,
        absence=_absence(deployment, endpoints, obstacle),
        obstacle=obstacle,
        media_hosts=frozenset(spec.engine.media_hosts),
        created=deployment.created,
        uid=deployment.uid,
        held=frozenset(deployment.status.names),
        backends=tuple(
            Backend(each.id, each.host, each.port, key, each.accepting, each.leaving)
            for _, each in sorted(endpoints.items())
        ),
    )


def _absence(
    deployment: LLMDeployment, endpoints: Mapping[str, Endpoint], obstacle: str
) -> Absence:
    """The operator's word, until the addresses know better: its status comes a little later."""
    status = deployment.status
    if obstacle:
        return Absence.UNKNOWN
    if endpoints or status.replicas:
        return Absence.STARTING
    asleep = any(each.reason == reasons.SCALED_TO_ZERO for each in status.conditions)
    return Absence.SLEEPING if asleep else Absence.UNKNOWN


def _endpoints(slices: Iterable[Object]) -> dict[ObjectKey, dict[str, Endpoint]]:
    """By Service, then by id."""
    found: dict[ObjectKey, dict[str, Endpoint]] = {}
    for each in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        metadata = each["metadata"]
        service = (metadata.get("labels") or {}).get(SERVICE_LABEL, "")
        known = found.setdefault((metadata["namespace"], service), {})
        for endpoint in read_slice(each):
            # One that moves between slices, or has an address of each family, is in two of them.
            if endpoint.id not in known or endpoint.rank > known[endpoint.id].rank:
                known[endpoint.id] = endpoint
    return found


def read_slice(body: Object) -> list[Endpoint]:
    """Which replicas does an EndpointSlice list?"""
    ports = {port.get("name"): port.get("port") for port in body.get("ports") or ()}
    port = ports.get(PORT_NAME)
    if body.get("addressType") not in ("IPv4", "IPv6") or not port:
        return []
    return [_endpoint(each, port) for each in body.get("endpoints") or ()]


def _endpoint(body: Object, port: int) -> Endpoint:
    conditions = body.get("conditions") or {}
    host = body["addresses"][0]
    # `ready` that is not given means that it is not known, and is to be taken for true.
    leaving = bool(conditions.get("terminating"))
    ready = conditions.get("ready") is not False and not leaving
    pod = (body.get("targetRef") or {}).get("name") or f"{host}:{port}"
    return Endpoint(pod, host, port, ready, leaving)
