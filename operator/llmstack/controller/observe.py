"""What does the cluster look like now, as far as one deployment is concerned?

Everything is gathered before anything is decided. Almost all of it comes from the store, which the
watches fill, and costs no call. What no watch tells is read by those who bound how often:

    Secrets, ConfigMaps, claims of the user    named.py
    Events, while something is stuck           warnings.py
    logs                                       pod_logs.py
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.controller.cluster_facts import ClusterFacts, most_of, offered_by
from llmstack.controller.named import Named
from llmstack.controller.names import NameIndex
from llmstack.controller.observe_objects import (
    named_claims,
    named_secrets,
    parse_autoscaler,
    parse_claim,
    parse_proof,
    parse_workload,
)
from llmstack.controller.observe_pods import parse_pod
from llmstack.controller.pod_logs import LogReader
from llmstack.controller.store import Store
from llmstack.controller.stuck import is_stuck
from llmstack.controller.warnings import WarningReader
from llmstack.desired import metadata as names
from llmstack.desired.template import place
from llmstack.kube.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, JOB, MADE, POD, SECRET, Kind
from llmstack.observed import Claim, Demand, Observed, Pod
from llmstack.scaling.load import ModelLoad

Object = dict[str, Any]


@dataclass(frozen=True)
class Sources:
    """Where a snapshot comes from.

    `load` tells which pods of a deployment answer no more or may reuse nothing, and `demand` who
    asks for it, as the gateway says; `metrics_api` why autoscalers can read no metrics.
    """

    store: Store
    names: NameIndex
    named: Named
    warnings: WarningReader
    logs: LogReader
    load: Callable[[Key], ModelLoad | None]
    demand: Callable[[Key], Demand]
    metrics_api: Callable[[], str]


class Observer:
    """Takes the snapshots."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._facts = ClusterFacts(sources.store)

    def body(self, kind: Kind, key: Key) -> Object | None:
        """The object of the deployment's name."""
        return self._from.store.get(kind, key.namespace, key.name)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._from.logs.forget(key)
        self._from.named.forget(key)
        self._from.warnings.forget(key)

    def look_in(self, key: Key) -> float | None:
        """After how many seconds there is something to read again; None if nothing is awaited."""
        waits = (self._from.named.look_in(key), self._from.warnings.look_in(key))
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def observe(self, deployment: LLMDeployment) -> Observed:
        """The whole snapshot. Raises ApiError if any part of it cannot be read."""
        resource = deployment.spec.accelerator.resource
        key = Key(deployment.namespace, deployment.name)
        # What has to be read comes first: all else is then of one moment, as new as it can be.
        made = self._made_claims(key, deployment)
        unknown = _claim_names(deployment) - {claim["metadata"]["name"] for claim in made}
        unwatched = _by_name(deployment, self._workload(key, deployment))
        self._from.named.only(key, {*unwatched, *_user_names(deployment, unknown)})
        read = await self._children_by_name(deployment, unwatched)
        missing = await self._missing_secrets(key, deployment)
        claims = made + await self._claims(key, unknown)
        pods, trials = self._pod_objects(deployment, key)
        children = [*self._from.store.owned(key, *MADE), *read]
        jobs = [child for child in children if child["kind"] == JOB.kind]
        trials = trials if jobs else []
        by_name = {(item["kind"], item["metadata"]["name"]): item for item in (*children, *claims)}
        used = _used(claims, deployment, pods)
        stuck = is_stuck([*pods, *trials], used, [] if trials else jobs)
        warnings = await self._from.warnings.read(key, stuck=stuck)
        parsed = await self._pods(deployment, [*pods, *trials], warnings.volumes)
        classes, nodes = self._facts.storage_classes(), self._facts.nodes()
        load = self._from.load(key) or ModelLoad()
        return Observed(
            children=by_name,
            workload=parse_workload(by_name.get(("Deployment", names.deployment_name(deployment)))),
            pods=parsed[: len(pods)],
            claims=_parsed(used, warnings.claims),
            storage_classes=classes.provisioners,
            default_storage_class=classes.default,
            missing_secrets=tuple(missing),
            missing_claims=_missing_claims(deployment, claims),
            accelerators=most_of(nodes).get(resource, 0) if resource else None,
            offered=offered_by(nodes) if resource else (),
            name_conflicts=self._from.names.conflicts(key),
            wedged=load.wedged,
            uncached=load.uncached,
            answering=load.answering,
            unreachable=load.unreachable,
            autoscaler=parse_autoscaler(
                by_name.get(("HorizontalPodAutoscaler", names.autoscaler_name(deployment)))
            ),
            demand=self._from.demand(key),
            metrics_api=self._from.metrics_api(),
            nodes=nodes,
            proofs=tuple(parse_proof(job, warnings.jobs.get(_uid(job), "")) for job in jobs),
            proof_pods=parsed[len(pods) :],
        )

    def _workload(self, key: Key, deployment: LLMDeployment) -> Object | None:
        name = names.deployment_name(deployment)
        return self._from.store.get(DEPLOYMENT, key.namespace, name)

    def _made_claims(self, key: Key, deployment: LLMDeployment) -> list[Object]:
        """Claims with the operator's label: those of its pods, and shared ones that it mounts."""
        own = self._from.store.owned(key, CLAIM)
        known = {claim["metadata"]["name"] for claim in own}
        others = sorted(_claim_names(deployment) - known)
        shared = (self._from.store.get(CLAIM, key.namespace, name) for name in others)
        return own + [claim for claim in shared if claim]

    def _pod_objects(
        self, deployment: LLMDeployment, key: Key
    ) -> tuple[list[Object], list[Object]]:
        """The replicas, and the pods of Jobs that prove edits."""
        pods = self._from.store.owned(key, POD)
        wanted = names.selector(deployment)
        replicas = [pod for pod in pods if wanted.items() <= _labels(pod).items()]
        component = names.COMPONENT_LABEL, names.PROOF_COMPONENT
        return replicas, [pod for pod in pods if component in _labels(pod).items()]

    async def _pods(
        self, deployment: LLMDeployment, pods: list[Object], mounts: Mapping[str, str]
    ) -> tuple[Pod, ...]:
        key = Key(deployment.namespace, deployment.name)
        accelerated = deployment.spec.accelerator.present
        logs = await self._from.logs.read(key, pods, accelerated=accelerated)
        return tuple(parse_pod(pod, logs[_uid(pod)], mounts.get(_uid(pod), "")) for pod in pods)

    async def _children_by_name(
        self, deployment: LLMDeployment, wanted: Iterable[tuple[Kind, str]]
    ) -> list[Object]:
        read = self._from.named.child
        found = [await read(deployment, kind, name) for kind, name in wanted]
        return [item for item in found if item]

    async def _missing_secrets(self, key: Key, deployment: LLMDeployment) -> list[str]:
        wanted = named_secrets(deployment.spec)
        there = self._from.named.is_there
        return [name for name in wanted if not await there(key, SECRET, name)]

    async def _claims(self, key: Key, named: Iterable[str]) -> list[Object]:
        """Claims without the operator's label: of the user, or of the operator and stripped."""
        found = [await self._from.named.get(key, CLAIM, name) for name in sorted(named)]
        return [claim for claim in found if claim]


def _by_name(deployment: LLMDeployment, workload: Object | None) -> list[tuple[Kind, str]]:
    """The children that no watch tells of; `workload` is the Deployment, None if there is none."""
    if workload is None and deployment.status.observed_generation is None:
        return []  # Nothing was made for it yet. Should there be something, its creation tells.
    found = [
        (SECRET, names.key_secret_name(deployment)),
        (CONFIG_MAP, names.ca_config_map_name(deployment)),
    ]
    record = place(workload)
    return [*found, (CONFIG_MAP, record)] if record else found


def _user_names(deployment: LLMDeployment, claims: Iterable[str]) -> set[tuple[Kind, str]]:
    """What else is read by name: Secrets of the user, and claims that no watch tells of."""
    secrets = {(SECRET, name) for name in named_secrets(deployment.spec)}
    return secrets | {(CLAIM, name) for name in claims}


def _claim_names(deployment: LLMDeployment) -> set[str]:
    """The claims that the deployment mounts, those of its pods aside."""
    wanted = set(named_claims(deployment.spec))
    if deployment.spec.cache.access_mode:
        wanted.add(names.cache_claim_name(deployment.spec.cache))
    return wanted


def _used(
    claims: Iterable[Object], deployment: LLMDeployment, pods: Iterable[Object]
) -> list[Object]:
    """Only claims that this deployment mounts: the shared and named ones, and its pods' own."""
    wanted = _claim_names(deployment)
    owners = {_uid(pod) for pod in pods}
    return [
        claim
        for claim in claims
        if claim["metadata"]["name"] in wanted
        or any(
            reference["uid"] in owners
            for reference in claim["metadata"].get("ownerReferences") or ()
        )
    ]


def _missing_claims(deployment: LLMDeployment, claims: Iterable[Object]) -> tuple[str, ...]:
    found = {claim["metadata"]["name"] for claim in claims}
    return tuple(name for name in named_claims(deployment.spec) if name not in found)


def _parsed(claims: Iterable[Object], messages: Mapping[str, str]) -> tuple[Claim, ...]:
    return tuple(parse_claim(claim, messages.get(_uid(claim), "")) for claim in claims)


def _labels(body: Object) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _uid(body: Object) -> str:
    return str(body["metadata"]["uid"])
