"""What does the cluster look like now, as far as one deployment is concerned?

Everything is gathered before anything is decided. Almost all of it comes from the store, which the
watches fill, and needs no call. The rest is read by modules that limit how often:

    Secrets, ConfigMaps, claims of the user    unwatched.py
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
    parse_autoscaler,
    parse_claim,
    parse_proof,
    parse_workload,
)
from llmstack.controller.observe_pods import parse_pod
from llmstack.controller.pod_logs import LogReader
from llmstack.controller.store import Store
from llmstack.controller.stuck import is_stuck
from llmstack.controller.unwatched import Unwatched, mounted_claims, read_unwatched
from llmstack.controller.warnings import WarningReader
from llmstack.desired import metadata as names
from llmstack.kube.kinds import JOB, MADE, POD, Kind
from llmstack.observed import Claim, Demand, Observed, Pod
from llmstack.scaling.gateway_load import ModelLoad

Object = dict[str, Any]


@dataclass(frozen=True)
class Sources:
    """Where a snapshot comes from.

    `load` returns what the gateway says of a deployment's replicas, such as which are wedged;
    `demand` who asks for the deployment; `metrics_api` why autoscalers cannot read metrics, "" if
    they can.
    """

    store: Store
    names: NameIndex
    named: Named
    warnings: WarningReader
    logs: LogReader
    load: Callable[[Key], ModelLoad | None]
    demand: Callable[[Key], Demand]
    metrics_api: Callable[[], str]


@dataclass(frozen=True)
class _Found:
    """The objects of one deployment.

    `children` has its children and claims by kind and name. Of these, `jobs` are those that prove
    edits, and `claims` those that it mounts. `replicas` are its pods, `trials` the pods of the
    Jobs.
    """

    children: dict[tuple[str, str], Object]
    replicas: list[Object]
    trials: list[Object]
    jobs: list[Object]
    claims: list[Object]

    @property
    def stuck(self) -> bool:
        """True if Events may say why it makes no progress."""
        pods = [*self.replicas, *self.trials]
        return is_stuck(pods, self.claims, [] if self.trials else self.jobs)


class Observer:
    """Takes the snapshots."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._facts = ClusterFacts(sources.store)

    def body(self, kind: Kind, key: Key) -> Object | None:
        """Returns the object of this kind with the deployment's name, or None."""
        return self._from.store.get(kind, key.namespace, key.name)

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._from.logs.forget(key)
        self._from.named.forget(key)
        self._from.warnings.forget(key)

    def look_in(self, key: Key) -> float | None:
        """Returns the seconds until something must be read again, or None."""
        waits = (self._from.named.look_in(key), self._from.warnings.look_in(key))
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def observe(self, deployment: LLMDeployment) -> Observed:
        """Takes the whole snapshot. Raises ApiError if any part of it cannot be read."""
        key = Key(deployment.namespace, deployment.name)
        # What must be read comes first: the rest is then of one moment, as recent as possible.
        unwatched = await read_unwatched(self._from.store, self._from.named, deployment)
        found = self._gather(deployment, unwatched)
        warnings = await self._from.warnings.read(key, stuck=found.stuck)
        pods = await self._pods(deployment, found, warnings.volumes)
        resource = deployment.spec.accelerator.resource
        classes, nodes = self._facts.storage_classes(), self._facts.nodes()
        load = self._from.load(key) or ModelLoad()
        return Observed(
            children=found.children,
            workload=parse_workload(
                found.children.get(("Deployment", names.deployment_name(deployment)))
            ),
            pods=pods[: len(found.replicas)],
            claims=_parsed(found.claims, warnings.claims),
            storage_classes=classes.provisioners,
            default_storage_class=classes.default,
            missing_secrets=unwatched.missing_secrets,
            missing_claims=_missing_claims(deployment, unwatched.claims),
            accelerators=most_of(nodes).get(resource, 0) if resource else None,
            offered=offered_by(nodes) if resource else (),
            name_conflicts=self._from.names.conflicts(key),
            wedged=load.wedged,
            uncached=load.uncached,
            answering=load.answering,
            unreachable=load.unreachable,
            autoscaler=parse_autoscaler(
                found.children.get(("HorizontalPodAutoscaler", names.autoscaler_name(deployment)))
            ),
            demand=self._from.demand(key),
            metrics_api=self._from.metrics_api(),
            nodes=nodes,
            proofs=tuple(parse_proof(job, warnings.jobs.get(_uid(job), "")) for job in found.jobs),
            proof_pods=pods[len(found.replicas) :],
        )

    def _gather(self, deployment: LLMDeployment, unwatched: Unwatched) -> _Found:
        """Combines what the store has of the deployment with what was read."""
        key = Key(deployment.namespace, deployment.name)
        children = [*self._from.store.owned(key, *MADE), *unwatched.children]
        jobs = [child for child in children if child["kind"] == JOB.kind]
        pods = self._from.store.owned(key, POD)
        wanted = names.selector(deployment)
        replicas = [pod for pod in pods if wanted.items() <= _labels(pod).items()]
        proof = names.COMPONENT_LABEL, names.PROOF_COMPONENT
        trials = [pod for pod in pods if proof in _labels(pod).items()] if jobs else []
        return _Found(
            {_identity(item): item for item in (*children, *unwatched.claims)},
            replicas,
            trials,
            jobs,
            _used(unwatched.claims, deployment, replicas),
        )

    async def _pods(
        self, deployment: LLMDeployment, found: _Found, mounts: Mapping[str, str]
    ) -> tuple[Pod, ...]:
        """Returns the replicas, followed by the pods of proofs."""
        key, pods = Key(deployment.namespace, deployment.name), [*found.replicas, *found.trials]
        accelerated = deployment.spec.accelerator.present
        logs = await self._from.logs.read(key, pods, accelerated=accelerated)
        return tuple(parse_pod(pod, logs[_uid(pod)], mounts.get(_uid(pod), "")) for pod in pods)


def _used(
    claims: Iterable[Object], deployment: LLMDeployment, pods: Iterable[Object]
) -> list[Object]:
    """Returns the claims that this deployment mounts: shared ones, named ones, its pods' own."""
    wanted = mounted_claims(deployment)
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


def _identity(body: Object) -> tuple[str, str]:
    return body["kind"], body["metadata"]["name"]


def _labels(body: Object) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _uid(body: Object) -> str:
    return str(body["metadata"]["uid"])
