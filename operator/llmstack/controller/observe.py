"""What does the cluster look like now, as far as one deployment is concerned?

Everything is read before anything is decided. Secrets and ConfigMaps are read one by one, by name;
all else is listed by label.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.controller.cluster_facts import ClusterFacts, most_of, offered_by
from llmstack.controller.names import NameIndex
from llmstack.controller.observe_events import claim_messages, job_messages, volume_messages
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
from llmstack.desired import metadata as names
from llmstack.desired.template import place
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import CLAIM, CONFIG_MAP, EVENT, JOB, MADE, POD, SECRET, Kind
from llmstack.observed import Claim, Demand, Observed, Pod
from llmstack.scaling.load import ModelLoad

Object = dict[str, Any]


class Observer:
    """Takes the snapshots. Remembers only what is costly to read again: logs and cluster facts.

    It is told and does not read: who claims which name, as the watches say; by `load` which pods
    of a deployment answer no more or may reuse nothing, and by `demand` who asks for it, as the
    gateway says; and by `metrics_api` why autoscalers can read no metrics.
    """

    def __init__(
        self,
        client: KubeClient,
        progress_seconds: float,
        clock: Callable[[], float],
        name_index: NameIndex,
        load: Callable[[Key], ModelLoad | None],
        demand: Callable[[Key], Demand],
        metrics_api: Callable[[], str],
    ) -> None:
        self._client = client
        self._facts = ClusterFacts(client, clock)
        self._logs = LogReader(client, progress_seconds, clock)
        self._name_index = name_index
        self._load = load
        self._demand = demand
        self._metrics_api = metrics_api

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._logs.forget(key)

    async def observe(self, deployment: LLMDeployment) -> Observed:
        """The whole snapshot. Raises ApiError if any part of it cannot be read."""
        resource = deployment.spec.accelerator.resource
        key = Key(deployment.namespace, deployment.name)
        children, claims, pods, secrets, classes, nodes = await asyncio.gather(
            self._children(deployment),
            self._claims(deployment),
            self._list(POD, deployment, names.selector_text(deployment)),
            self._missing(SECRET, deployment, named_secrets(deployment.spec)),
            self._facts.storage_classes(),
            self._facts.nodes(),
        )
        jobs = [child for child in children if child["kind"] == JOB.kind]
        trials = await self._trials(deployment) if jobs else []
        by_name = {(item["kind"], item["metadata"]["name"]): item for item in (*children, *claims)}
        podless = [] if trials else jobs
        warnings = await self._warnings(deployment, [*pods, *trials], claims, podless)
        refusals = job_messages(warnings)
        parsed = await self._pods(deployment, [*pods, *trials], volume_messages(warnings))
        used = _used(claims, deployment, pods)
        load = self._load(key) or ModelLoad()
        return Observed(
            children=by_name,
            workload=parse_workload(by_name.get(("Deployment", names.deployment_name(deployment)))),
            pods=parsed[: len(pods)],
            claims=_parsed(used, claim_messages(warnings)),
            storage_classes=classes.provisioners,
            default_storage_class=classes.default,
            missing_secrets=tuple(secrets),
            missing_claims=_missing_claims(deployment, claims),
            accelerators=most_of(nodes).get(resource, 0) if resource else None,
            offered=offered_by(nodes) if resource else (),
            name_conflicts=self._name_index.conflicts(key),
            wedged=load.wedged,
            uncached=load.uncached,
            unreachable=load.unreachable,
            autoscaler=parse_autoscaler(
                by_name.get(("HorizontalPodAutoscaler", names.autoscaler_name(deployment)))
            ),
            demand=self._demand(key),
            metrics_api=self._metrics_api(),
            nodes=nodes,
            proofs=tuple(parse_proof(job, refusals.get(_uid(job), "")) for job in jobs),
            proof_pods=parsed[len(pods) :],
        )

    async def _trials(self, deployment: LLMDeployment) -> list[Object]:
        """The pods of Jobs that prove edits."""
        component = f"{names.COMPONENT_LABEL}={names.PROOF_COMPONENT}"
        owner = f"{names.DEPLOYMENT_LABEL}={deployment.name}"
        return await self._list(POD, deployment, f"{component},{owner}")

    async def _pods(
        self, deployment: LLMDeployment, pods: list[Object], mounts: Mapping[str, str]
    ) -> tuple[Pod, ...]:
        key = Key(deployment.namespace, deployment.name)
        accelerated = deployment.spec.accelerator.present
        logs = await self._logs.read(key, pods, accelerated=accelerated)
        return tuple(parse_pod(pod, logs[_uid(pod)], mounts.get(_uid(pod), "")) for pod in pods)

    async def _children(self, deployment: LLMDeployment) -> list[Object]:
        label = f"{names.DEPLOYMENT_LABEL}={deployment.name}"
        lists, secret, config_map = await asyncio.gather(
            asyncio.gather(*(self._list(kind, deployment, label) for kind in MADE)),
            self._client.get(SECRET, deployment.namespace, names.key_secret_name(deployment)),
            self._client.get(
                CONFIG_MAP, deployment.namespace, names.ca_config_map_name(deployment)
            ),
        )
        listed = [item for items in lists for item in items]
        record = await self._record(deployment, listed)
        return listed + [item for item in (secret, config_map, record) if item]

    async def _record(self, deployment: LLMDeployment, children: list[Object]) -> Object | None:
        """The ConfigMap with the recorded template, where a Deployment names one."""
        own = names.deployment_name(deployment)
        workloads = [item for item in children if item["kind"] == "Deployment"]
        name = "".join(place(item) for item in workloads if item["metadata"]["name"] == own)
        return await self._client.get(CONFIG_MAP, deployment.namespace, name) if name else None

    async def _claims(self, deployment: LLMDeployment) -> list[Object]:
        """Those that the operator or a pod of it made, and those that the spec names."""
        label = f"{names.MANAGED_BY_LABEL}={names.MANAGER}"
        made = await self._list(CLAIM, deployment, label)
        known = {claim["metadata"]["name"] for claim in made}
        named = [name for name in named_claims(deployment.spec) if name not in known]
        found = await asyncio.gather(
            *(self._client.get(CLAIM, deployment.namespace, name) for name in named)
        )
        return made + [claim for claim in found if claim]

    async def _missing(
        self, kind: Kind, deployment: LLMDeployment, wanted: Iterable[str]
    ) -> list[str]:
        missing = []
        for name in wanted:
            if await self._client.get(kind, deployment.namespace, name) is None:
                missing.append(name)
        return missing

    async def _warnings(
        self,
        deployment: LLMDeployment,
        pods: list[Object],
        claims: list[Object],
        podless: list[Object],
    ) -> list[Object]:
        """Warning Events of pods and claims while one of them is pending, and of podless Jobs."""
        pending = {item["kind"] for item in (*pods, *claims) if _pending(item)}
        pending |= {item["kind"] for item in podless}
        lists = await asyncio.gather(
            *(
                self._client.list(
                    EVENT,
                    deployment.namespace,
                    fields=f"type=Warning,involvedObject.kind={kind}",
                )
                for kind in sorted(pending)
            )
        )
        return [event for events in lists for event in events]

    async def _list(self, kind: Kind, deployment: LLMDeployment, labels: str) -> list[Object]:
        return await self._client.list(kind, deployment.namespace, labels=labels)


def _used(
    claims: Iterable[Object], deployment: LLMDeployment, pods: Iterable[Object]
) -> list[Object]:
    """Only claims that this deployment mounts: the shared and named ones, and its pods' own."""
    wanted = set(named_claims(deployment.spec))
    if deployment.spec.cache.access_mode:
        wanted.add(names.cache_claim_name(deployment.spec.cache))
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


def _pending(body: Object) -> bool:
    return str((body.get("status") or {}).get("phase", "Pending")) == "Pending"


def _uid(body: Object) -> str:
    return str(body["metadata"]["uid"])
